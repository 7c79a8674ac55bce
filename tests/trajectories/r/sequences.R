# Reads the sequence files as the statistician's guide does, without TraMineR: every form must give the same months.
folder <- commandArgs(trailingOnly = TRUE)[1]
path <- function(form) file.path(folder, paste0("traminer_", form, ".csv"))
sts <- read.csv(path("sts"))
wanted <- as.matrix(sts[-1])
storage.mode(wanted) <- "character"
width <- ncol(wanted)
same <- function(found, form) {
  if (!identical(unname(found), unname(wanted))) stop("another sequence in ", form)
}
stopifnot(!anyDuplicated(sts$id), vapply(sts[-1], function(month) !is.logical(month), TRUE))

sps <- read.csv(path("sps"))
stopifnot(identical(sps$id, sts$id))
same(t(vapply(strsplit(sps$sequence, "-", fixed = TRUE), function(steps) {
  parts <- strsplit(gsub("[()]", "", steps), ",", fixed = TRUE)
  rep(vapply(parts, `[`, "", 1), as.integer(vapply(parts, `[`, "", 2)))
}, character(width))), "SPS")

dss <- read.csv(path("dss"))
same_states <- apply(wanted, 1, function(row) paste(rle(row)$values, collapse = "-"))
if (!identical(dss$sequence, unname(same_states))) stop("other states in DSS")

spell <- read.csv(path("spell"), colClasses = c(states = "character"))
stopifnot(is.integer(spell$begin), is.integer(spell$end), identical(unique(spell$id), sts$id))
found <- matrix(NA_character_, nrow(sts), width)
for (row in seq_len(nrow(spell))) {
  found[match(spell$id[row], sts$id), spell$begin[row]:spell$end[row]] <- spell$states[row]
}
same(found, "SPELL")

tse <- read.csv(path("tse"), colClasses = c(event = "character"))
stopifnot(is.integer(tse$id), identical(sts$id[tse$id], tse$person_id), length(rle(tse$id)$values) == nrow(sts))
found <- matrix(NA_character_, nrow(sts), width)
for (row in seq_len(nrow(tse))) found[tse$id[row], (tse$time[row] + 1):width] <- tse$event[row]
same(found, "TSE")
