import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0021_operations_by_sale'),
    ]

    operations = [
        migrations.AddField(
            model_name='operation',
            name='agreed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='operation',
            name='needs_second',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name='alert',
            name='rule',
            field=models.CharField(choices=[('SILENT', 'Silent in its usual hours'), ('BEHIND', 'Usually sells by now, and has not today'), ('DISCONNECTED', 'Disconnected'), ('UNASSIGNED', 'Held by nobody, and selling'), ('IDLE', 'Held by somebody, and silent for days'), ('OPEN', 'Sold yesterday and not reconciled'), ('NAMESAKE', 'Two branches with one Arabic name'), ('DRIFT', 'The provider says otherwise'), ('STUCK', 'Nobody knows what became of what was asked'), ('SECOND', 'A refund waits for a second person')], max_length=12),
        ),
        migrations.AlterField(
            model_name='alertchoice',
            name='rule',
            field=models.CharField(choices=[('SILENT', 'Silent in its usual hours'), ('BEHIND', 'Usually sells by now, and has not today'), ('DISCONNECTED', 'Disconnected'), ('UNASSIGNED', 'Held by nobody, and selling'), ('IDLE', 'Held by somebody, and silent for days'), ('OPEN', 'Sold yesterday and not reconciled'), ('NAMESAKE', 'Two branches with one Arabic name'), ('DRIFT', 'The provider says otherwise'), ('STUCK', 'Nobody knows what became of what was asked'), ('SECOND', 'A refund waits for a second person')], max_length=12),
        ),
        migrations.AddIndex(
            model_name='operation',
            index=models.Index(condition=models.Q(('needs_second', True), ('state', 'REQUESTED')), fields=['requested_at'], name='operation_for_a_second'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('needs_second', False), ('state__in', ('REQUESTED', 'WITHDRAWN')), _connector='OR'), name='what_takes_two_is_not_sent_by_one'),
        ),
    ]
