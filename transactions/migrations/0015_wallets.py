from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):

    # A large table: nothing here keeps others from it for longer than a moment.
    atomic = False

    dependencies = [
        ('transactions', '0014_following_payments'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='transaction',
            name='transaction_words_are_ours',
        ),
        AddIndexConcurrently(
            model_name='transaction',
            index=models.Index(condition=models.Q(('sale_ref__isnull', False)), fields=['account', 'sale_ref'], name='txn_by_sale'),
        ),
        AddConstraintNotValid(
            model_name='transaction',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['PURCHASE', 'REFUND', 'OTHER']), ('status__in', ['PENDING', 'AUTHORISED', 'APPROVED', 'DECLINED', 'CANCELLED', 'EXPIRED', 'REVERSED', 'UNMAPPED']), ('refunded__in', ['NONE', 'PART', 'FULL', 'SOME']), ('scheme__in', ['MADA', 'VISA', 'VISA_DEBIT', 'MASTERCARD', 'MAESTRO', 'AMEX', 'UNIONPAY', 'JCB', 'DISCOVER', 'GCCNET', 'WALLET', 'UNMAPPED'])), name='transaction_words_are_ours'),
        ),
        ValidateConstraint(
            model_name='transaction',
            name='transaction_words_are_ours',
        ),
    ]
