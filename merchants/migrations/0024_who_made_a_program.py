import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0023_days_are_moved'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='operation',
            name='one_open_operation_per_subject',
        ),
        migrations.AddField(
            model_name='membership',
            name='made_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.UniqueConstraint(condition=models.Q(('needs_second', False), ('state__in', ('REQUESTED', 'SENT', 'UNKNOWN'))), fields=('subject_kind', 'subject_id'), name='one_open_operation_per_subject'),
        ),
    ]
