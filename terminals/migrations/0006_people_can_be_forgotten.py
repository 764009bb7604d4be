from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0014_keeping_and_services'),
        ('terminals', '0005_rows_are_their_merchants'),
    ]

    operations = [
        migrations.AddField(
            model_name='terminaluser',
            name='erased_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name='terminaluser',
            constraint=models.CheckConstraint(condition=models.Q(('erased_at', None), models.Q(('email', None), ('mobile', None), ('name', '')), _connector='OR'), name='an_erased_person_has_no_name'),
        ),
    ]
