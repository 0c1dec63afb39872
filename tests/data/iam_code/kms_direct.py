# needs: kms:Decrypt kms:GenerateDataKey kms:ReEncryptFrom kms:ReEncryptTo
import base64
import os

import boto3

kms = boto3.client("kms")
PASSWORD = kms.decrypt(
    CiphertextBlob=base64.b64decode(os.environ["ENCRYPTED"]), EncryptionContext={"LambdaFunctionName": "x"}
)["Plaintext"]


def lambda_handler(event, context):
    key = kms.generate_data_key(KeyId=os.environ["KEY_ID"], KeySpec="AES_256")
    kms.re_encrypt(CiphertextBlob=key["CiphertextBlob"], DestinationKeyId=os.environ["OTHER_KEY"])
    return len(PASSWORD)
