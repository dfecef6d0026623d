"""Puts `tfx_bsl.arrow.sql_util`, which tfx-bsl 1.21 no longer has, beside it for tensorflow-data-validation 1.16.1."""

from setuptools import setup

setup(name="tfx-bsl-sql-util", version="1.0", py_modules=["tfx_bsl.arrow.sql_util"])
