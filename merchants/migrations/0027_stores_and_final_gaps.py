from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0026_letters_that_failed'),
    ]

    operations = [
        migrations.AddField(
            model_name='branchidentity',
            name='address',
            field=models.CharField(max_length=400, null=True),
        ),
        migrations.AddField(
            model_name='branchidentity',
            name='brand',
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AddField(
            model_name='branchidentity',
            name='location',
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AddField(
            model_name='gap',
            name='closable',
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
