import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.isolation import isolate


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0022_two_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='DayChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('zone_before', models.CharField(max_length=64)),
                ('cut_off_before', models.TimeField()),
                ('zone', models.CharField(max_length=64)),
                ('cut_off', models.TimeField()),
                ('at', models.DateTimeField()),
                ('first_day', models.DateField(null=True)),
                ('next_day', models.DateField(null=True)),
                ('last_day', models.DateField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('moved', models.JSONField(default=dict)),
                ('branch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='merchants.branch')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('merchant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='merchants.merchant')),
            ],
            options={
                'indexes': [models.Index(fields=['branch', '-id'], name='day_change_by_branch')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('done_at', None)), fields=('branch',), name='one_open_day_change_per_branch')],
            },
        ),
        isolate("merchants_daychange"),
    ]
