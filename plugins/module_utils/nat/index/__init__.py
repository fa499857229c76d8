# SPDX-License-Identifier: GPL-3.0-or-later
"""On a collector: the records of a day in the order of the question, in a folder or an object store."""
