# Reads a Stata and an SPSS file with haven; writes what it read as CSV, and labels, for the test to compare.
suppressPackageStartupMessages(library(haven))
folder <- commandArgs(trailingOnly = TRUE)[1]
for (ending in c("dta", "sav")) {
  path <- file.path(folder, paste0("table.", ending))
  table <- if (ending == "dta") read_dta(path) else read_sav(path)
  labels <- lapply(table, function(column) attr(column, "labels"))
  labels <- labels[!vapply(labels, is.null, TRUE)]
  out <- data.frame(
    column = rep(names(labels), lengths(labels)),
    value = unlist(lapply(labels, function(one) as.character(unname(one)))),
    label = unlist(lapply(labels, names))
  )
  plain <- as.data.frame(lapply(zap_labels(zap_formats(table)), function(column) {
    if (is.numeric(column)) format(column, digits = 17, trim = TRUE) else as.character(column)
  }), check.names = FALSE)
  write.csv(plain, paste0(path, ".csv"), row.names = FALSE, na = "NA", fileEncoding = "UTF-8")
  write.csv(out, paste0(path, ".values.csv"), row.names = FALSE, fileEncoding = "UTF-8")
}
