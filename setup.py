"""Lists the packages: `asiarch`, with `grammar/` and `kernels/` mapped in as subpackages.

All other settings are in `pyproject.toml`. Folders without an `__init__.py` (`grammar/examples`)
count as packages here so that their files travel as package data.
"""

from setuptools import find_namespace_packages, setup

MAPPED = ("grammar", "kernels")
EXCLUDE = ["*__pycache__*"]

packages = find_namespace_packages(include=["asiarch", "asiarch.*"], exclude=EXCLUDE)
for folder in MAPPED:
    packages.append(f"asiarch.{folder}")
    packages += [
        f"asiarch.{folder}.{name}" for name in find_namespace_packages(folder, exclude=EXCLUDE)
    ]

setup(packages=packages, package_dir={f"asiarch.{folder}": folder for folder in MAPPED})
