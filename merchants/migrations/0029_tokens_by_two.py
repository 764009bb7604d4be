from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('merchants', '0028_payments_in_steps'),
    ]

    operations = [
        migrations.AlterField(
            model_name='operation',
            name='kind',
            field=models.CharField(choices=[('ASSIGN', 'Assign'), ('UNASSIGN', 'Take back'), ('DISCONNECT', 'Sign out the device'), ('CREATE_BRANCH', 'Open a branch'), ('CREATE_TERMINAL', 'Make a terminal'), ('OPEN_SESSION', 'Ask for a payment'), ('RECONCILE', 'Reconcile'), ('START_PAYMENT', 'Start a payment'), ('PREPARE_PAYMENT', 'Prepare a payment'), ('READY_PAYMENT', 'Set a payment’s amount'), ('CAPTURE_PAYMENT', 'Capture a payment'), ('CANCEL_PAYMENT', 'Cancel a payment'), ('REFUND_PAYMENT', 'Refund a payment'), ('CAPTURE_REFUND', 'Complete a refund'), ('CANCEL_REFUND', 'Cancel a refund'), ('CREATE_POINT', 'Give it a point of sale'), ('DELETE_POINT', 'Remove its point of sale'), ('RENEW_POINT', 'Make its point of sale anew'), ('CREATE_TOKEN', 'Make an access token'), ('RESET_TOKEN', 'Replace the access token')], max_length=16),
        ),
    ]
