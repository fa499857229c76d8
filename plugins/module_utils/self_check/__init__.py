# SPDX-License-Identifier: GPL-3.0-or-later
"""A host looks at itself: the checks that the apply left there, by the same observers and the same judgement.

Python 3.9 or newer, standard library only: it runs on hosts without Ansible.
"""
