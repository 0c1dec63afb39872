from .clients import get


def table_name():
    found = get("ssm").get_parameters(Names=["/shop/table"], WithDecryption=False)["Parameters"]
    return found[0]["Value"]
