"""Rows that only their merchant may see."""

from typing import TypeVar

from django.db import models

from portal.isolation import NOBODY, current

Row = TypeVar("Row", bound=models.Model)


class NotScoped(Exception):
    """A merchant's rows were asked for before it was said whose."""


class Rows(models.Manager[Row]):
    """The rows of a merchant; asking without a scope is a mistake, and is told at once."""

    def get_queryset(self) -> models.QuerySet[Row]:
        if current() == NOBODY:
            raise NotScoped(f"{self.model.__name__}: say whose rows, by portal.isolation.")
        return super().get_queryset()

    def none(self) -> models.QuerySet[Row]:
        """No rows are nobody's."""
        return super().get_queryset().none()


class OfMerchant(models.Model):
    """What only its merchant may see."""

    objects = Rows()

    class Meta:
        abstract = True
