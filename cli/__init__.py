# SPDX-License-Identifier: GPL-3.0-or-later
"""What `./baseline` does: the lab, the playbooks and the tests of this checkout. No part of the collection."""
