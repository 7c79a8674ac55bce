# Reads the sequence files with TraMineR, as the statistician's guide does: every form must give the same months.
suppressPackageStartupMessages(library(TraMineR))
folder <- commandArgs(trailingOnly = TRUE)[1]
path <- function(form) file.path(folder, paste0("traminer_", form, ".csv"))
months <- function(table) {
  table <- as.matrix(table)
  storage.mode(table) <- "character"
  unname(table)
}
sts <- read.csv(path("sts"), colClasses = "character")
wanted <- months(sts[-1])
same <- function(found, form) {
  if (!identical(months(found), wanted)) stop("another sequence in ", form)
}
states <- seqdef(sts, var = 2:ncol(sts))
same(as.data.frame(lapply(states, as.character)), "STS")
spell <- read.csv(path("spell"), colClasses = c(states = "character"))
same(seqformat(spell, from = "SPELL", to = "STS", id = "id", begin = "begin", end = "end", status = "states", process = FALSE), "SPELL")
same(seqformat(read.csv(path("sps")), var = "sequence", from = "SPS", to = "STS", stsep = "-"), "SPS")
dss <- seqdss(states)
stopifnot(identical(unname(seqconc(dss)[, 1]), read.csv(path("dss"), colClasses = "character")$sequence))
events <- seqecreate(read.csv(path("tse"), colClasses = c(event = "character")))
seqelength(events) <- rep(ncol(wanted), nrow(wanted))
stopifnot(identical(as.character(events), as.character(seqecreate(states, tevent = "state"))))
