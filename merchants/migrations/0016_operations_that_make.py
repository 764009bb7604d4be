import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0015_operations'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='customrole',
            name='rights_are_known',
        ),
        migrations.AddField(
            model_name='operation',
            name='digest',
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.AddField(
            model_name='operation',
            name='outcome',
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name='apitoken',
            name='rights',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('LOOK_UP', 'Look up transactions, receipts, terminals and people'), ('FIGURES', 'See totals, reconciliations and reports'), ('EXPORT', 'Download rows and reports'), ('PERSONAL', 'See mobile numbers and e-mails in full'), ('REVEAL', 'See one person in full after giving a reason'), ('CARDS', 'See the first six digits of cards'), ('FLEET', 'Change terminals and who holds them'), ('PAYMENTS', 'Ask terminals for payments and refunds'), ('ACCOUNTS', 'Manage accounts at providers'), ('TEAM', 'Invite and change members of the team'), ('TOKENS', 'Make keys to the API'), ('TRAIL', 'Read the trail of who did and saw what')], max_length=20), null=True, size=None),
        ),
        migrations.AlterField(
            model_name='customrole',
            name='rights',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('LOOK_UP', 'Look up transactions, receipts, terminals and people'), ('FIGURES', 'See totals, reconciliations and reports'), ('EXPORT', 'Download rows and reports'), ('PERSONAL', 'See mobile numbers and e-mails in full'), ('REVEAL', 'See one person in full after giving a reason'), ('CARDS', 'See the first six digits of cards'), ('FLEET', 'Change terminals and who holds them'), ('PAYMENTS', 'Ask terminals for payments and refunds'), ('ACCOUNTS', 'Manage accounts at providers'), ('TEAM', 'Invite and change members of the team'), ('TOKENS', 'Make keys to the API'), ('TRAIL', 'Read the trail of who did and saw what')], max_length=20), size=None),
        ),
        migrations.AlterField(
            model_name='operation',
            name='key',
            field=models.CharField(max_length=100, null=True),
        ),
        migrations.AlterField(
            model_name='operation',
            name='kind',
            field=models.CharField(choices=[('ASSIGN', 'Assign'), ('UNASSIGN', 'Take back'), ('DISCONNECT', 'Sign out the device'), ('CREATE_BRANCH', 'Open a branch'), ('CREATE_TERMINAL', 'Make a terminal'), ('OPEN_SESSION', 'Ask for a payment'), ('RECONCILE', 'Reconcile')], max_length=16),
        ),
        migrations.AlterField(
            model_name='operation',
            name='subject_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('key__isnull', False)), fields=['requested_at'], name='operation_with_key'),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.CheckConstraint(condition=models.Q(('rights__contained_by', ['LOOK_UP', 'FIGURES', 'EXPORT', 'PERSONAL', 'REVEAL', 'CARDS', 'FLEET', 'PAYMENTS', 'ACCOUNTS', 'TEAM', 'TOKENS', 'TRAIL'])), name='rights_are_known'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('subject_id__isnull', False), ('kind__in', ('CREATE_BRANCH', 'CREATE_TERMINAL')), _connector='OR'), name='only_what_is_to_be_made_is_not_there'),
        ),
    ]
