/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of a summary's views share. */
#ifndef KM_CAPTURE_SUMMARY_VIEW_H
#define KM_CAPTURE_SUMMARY_VIEW_H

#include "capture/summary.h"

extern const struct km_kind km_summary_kind;
/* The page of text. */
void km_summary_text(struct km_out *out, const void *record);

#endif
