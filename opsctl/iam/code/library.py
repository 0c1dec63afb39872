"""What boto3, Powertools and Python's own library mean to `interpreting`: tables, and the few functions they need."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opsctl.hcl.symbols import symbol
from opsctl.iam.code import sdk
from opsctl.iam.code.sources import KNOWN
from opsctl.iam.code.values import (
    AWS,
    NOTHING,
    OPAQUE,
    UNKNOWN_TEXT,
    Class,
    Client,
    Collection,
    Constant,
    External,
    Function,
    Heap,
    Method,
    Module,
    Operation,
    Partial,
    Resource,
    Session,
    Special,
    Value,
    constant,
    join,
    texts,
)  # fmt: skip

if TYPE_CHECKING:
    from opsctl.iam.code.interpreting import Arguments, Interpreter
    from opsctl.iam.code.values import Scope

BUILTINS = frozenset(dir(builtins))

TRANSPARENT = frozenset(
    {
        "abstractmethod",
        "asynccontextmanager",
        "background_task",
        "cache",
        "cached",
        "cached_property",
        "capture",
        "capture_async",
        "capture_lambda_handler",
        "capture_method",
        "classmethod",
        "contextmanager",
        "dataclass",
        "event_parser",
        "event_source",
        "idempotent",
        "idempotent_function",
        "inject_lambda_context",
        "lambda_handler_decorator",
        "log_metrics",
        "lru_cache",
        "on_exception",
        "on_predicate",
        "overload",
        "override",
        "property",
        "retry",
        "singledispatch",
        "staticmethod",
        "total_ordering",
        "ttl_cache",
        "validator",
        "wraps",
        "xray_recorder",
    }
)
"""Decorators that call what they decorate when it is called, and don't hand it to anybody else."""

PLAIN_BASES = frozenset({
    "ABC", "BaseException", "BaseModel", "Enum", "Exception", "Generic", "IntEnum", "NamedTuple", "Protocol", "StrEnum",
    "TypedDict", "dict", "float", "int", "list", "object", "str", "tuple",
})  # fmt: skip
"""Bases that call nothing of ours."""

USES_AWS: Mapping[str, str] = {
    "aws_encryption_sdk": "kms:*",
    "aws_lambda_powertools.utilities.data_masking.provider.kms": "kms:*",
    "aws_msk_iam_sasl_signer": "kafka-cluster:*",
    "aws_requests_auth": "*",
    "awscrt": "*",
    "awsiot": "iot:*",
    "awsiotsdk": "iot:*",
    "awswrangler": "*",
    "boto": "*",
    "botocore.vendored": "",
    "celery": "sqs:*",
    "cloudpathlib": "s3:*",
    "dynamodb_encryption_sdk": "dynamodb:*",
    "dynamorm": "dynamodb:*",
    "dyntastic": "dynamodb:*",
    "kombu": "sqs:*",
    "langchain_aws": "*",
    "pyathena": "*",
    "pynamodb": "dynamodb:*",
    "python_dynamodb_lock": "dynamodb:*",
    "requests_auth_aws_sigv4": "*",
    "requests_aws4auth": "*",
    "requests_aws_sign": "*",
    "s3fs": "s3:*",
    "s3path": "s3:*",
    "sagemaker": "*",
    "smart_open": "s3:*",
    "sqlalchemy_aurora_data_api": "rds-data:*",
    "watchtower": "logs:*",
}
"""Libraries that call AWS by themselves → what they may need. Which of it can't be told from the import."""

_NO_AWS = """
aenum aiofiles aiohttp alembic altair anyio apispec argon2 arrow asgiref async_timeout asyncpg attr attrs authlib
avro babel backoff bcrypt bitarray bleach blinker bs4 bson cachetools cassandra cattr cattrs cbor2 certifi cffi
chardet charset_normalizer chevron ciso8601 click cloudevents colorama confluent_kafka crhelper croniter
cryptography cv2 cx_Oracle dacite databases dataclasses_json datadog datadog_lambda dateparser dateutil ddtrace
deepdiff defusedxml deprecated diskcache django dns docx dotenv duckdb elasticsearch email_validator engineio
environ envparse epsagon et_xmlfile exceptiongroup faker falcon fastapi fastavro fastjsonschema feedparser filelock
flask flask_cors flask_restful geojson geopy git github gitlab glom gql graphene graphql grpc gspread gunicorn h11
h3 html2text html5lib httpcore httpx humanize hvac hyperframe hypothesis idna instana iso8601 isodate itsdangerous
jinja2 jmespath joblib jose joserfc jsonpatch jsonpath_ng jsonpickle jsonpointer jsonschema jwcrypto jwt kafka
kubernetes lark ldap3 lightgbm loguru lumigo_tracer lxml magic mako mangum markdown markupsafe marshmallow
matplotlib maxminddb minify_html mongoengine more_itertools motor msgpack multidict mypy_extensions mysql MySQLdb
nacl neo4j networkx newrelic nltk numpy oauthlib odf openai openpyxl OpenSSL opentelemetry oracledb ordered_set
orjson packaging pandas parameterized paramiko parse passlib pathspec peewee pendulum phonenumbers PIL pkg_resources
ply polars prettytable prometheus_client promise psutil psycopg psycopg2 pyarrow pyasn1 pycparser pydantic
pydantic_core pydantic_settings pygments pyhocon pymemcache pymongo pymssql pymysql pyodbc pyotp pyparsing pypdf
PyPDF2 pyphen pyproj pyrsistent pystache pytest pythonjsonlogger pytz qrcode rapidfuzz redis referencing regex
reportlab requests requests_oauthlib requests_toolbelt rfc3339_validator rfc3986 rich rollbar rpds rsa ruamel scipy
seaborn segment selenium sendgrid sentry_sdk setuptools shapely shortuuid simplejson singer six skimage sklearn
slack_bolt slack_sdk slackclient slugify sniffio snowflake socketio sortedcontainers soupsieve sqlalchemy sqlglot
sqlmodel sqlparse starlette stripe structlog sympy tabulate tenacity thundra tiktoken tinycss2 tinydb toml tomli
tomlkit toolz toposort tqdm twilio typeguard typer typing_extensions typing_inspect tzdata tzlocal ujson unidecode
uritemplate urllib3 user_agents uvicorn validators voluptuous watchdog webargs webob websocket websockets werkzeug
wrapt wtforms xgboost xlrd xlsxwriter xmlschema xmltodict xxhash yaml yarl zeep zipp zope zstandard
"""
NO_AWS = frozenset(_NO_AWS.split())
"""Import names of libraries that call no AWS service by themselves."""


def is_transparent(name: str) -> bool:
    last = name.removesuffix("()").rpartition(".")[2]
    return last in TRANSPARENT or name.startswith(("functools.", "contextlib.", "typing.", "abc.", "aws_xray_sdk."))


def is_plain_base(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last in PLAIN_BASES or last.endswith(("Error", "Exception", "Warning"))


def imported(run: Interpreter, name: str, node: ast.AST, scope: Scope) -> None:
    """A library was imported: does it call AWS by itself, or isn't it known?"""
    top = name.partition(".")[0]
    if not top or top in sys.stdlib_module_names or scope.type_checking or run.sources.find(top) is not None:
        return
    if may := next((USES_AWS[part] for part in _prefixes(name) if part in USES_AWS), ""):
        run.cannot_tell(f"{name} calls AWS in its own ways", (may,), run.place(node, scope))
    elif top not in NO_AWS and top not in KNOWN and not top.startswith(("mypy_boto3", "types_", "google", "azure")):
        why = f"the module {top} isn't on this machine, and opsctl doesn't know whether it calls AWS"
        run.cannot_tell(why, ("*",), run.place(node, scope))


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


# — attributes, items, elements —


def attribute(atom: External, name: str) -> Value:
    if atom.name.startswith("aws_lambda_powertools.utilities.parameters.") and atom.name.count("()"):
        return frozenset({External(f"{atom.name}.{name}")})
    if atom.name in SESSION_MAKERS_RESULTS:
        return frozenset({Special(Session(), name)})
    return frozenset({External(f"{atom.name}.{name}")}) if atom.name.count(".") < 7 else OPAQUE


SESSION_MAKERS_RESULTS = frozenset({"boto3.DEFAULT_SESSION"})


def item(run: Interpreter, atom: External, key: Value) -> Value:
    if atom.name == "os.environ":
        return join(_variable(run, name, NOTHING, certain=True) for name in texts(key))
    if atom.name in ("builtins.globals()", "builtins.locals()", "sys.modules"):
        return OPAQUE
    return frozenset({External(f"{atom.name}[]")}) if atom.name.count("[]") < 2 else OPAQUE


def _variable(run: Interpreter, name: str, default: Value, *, certain: bool = False) -> Value:
    """An environment variable: its value where the function's are known, else the symbol ⟦env.NAME⟧."""
    if "⟦" in name:
        return constant(UNKNOWN_TEXT) | default
    if run.environment is not None and name in run.environment:
        return constant(run.environment[name])
    if run.environment is not None and default and not certain:
        return default
    return constant(symbol(f"env.{name}")) | default


def elements(run: Interpreter, atom: Any, node: ast.AST, scope: Scope) -> Value:
    match atom:
        case Collection():
            return _collect(run, atom, "all", None, node, scope)
        case External() if atom.name == "os.environ":
            return constant(UNKNOWN_TEXT)
    return OPAQUE


# — AWS —


def has_operation(atom: Any, name: str) -> bool:
    known = sdk.service(atom.service) if isinstance(atom, Client) else None
    return known is not None and bool(known.operation(name))


def aws_attribute(
    run: Interpreter, atom: Any, name: str, node: ast.AST, scope: Scope, *, others: bool = False
) -> Value:
    match atom:
        case Session():
            return frozenset({Special(atom, name)})
        case Client():
            return _client_attribute(run, atom, name, node, scope, others=others)
        case Resource():
            return _resource_attribute(run, atom, name, node, scope)
        case Collection():
            return frozenset({Special(atom.owner, f"collection {atom.name} {name}")})
        case Operation(through="paginator") if name == "paginate":
            return frozenset({atom})
        case Operation(through="waiter") if name == "wait":
            return frozenset({atom})
        case Special(owner=owner, name="batch_writer ") if name in ("put_item", "delete_item") and isinstance(
            owner, Resource
        ):
            return frozenset(
                {
                    Operation(
                        "dynamodb",
                        "BatchWriteItem",
                        (("TableName", dict(owner.ids).get("Name", OPAQUE)),),
                        through="batch_writer",
                    )
                }
            )
        case Special(owner=Client(), name="meta ") if name == "client":
            return frozenset({atom.owner})
        case Special(owner=Resource(service=service), name="meta ") if name == "client":
            return frozenset({Client(service)})
        case Special(name="transfer ", owner=owner):
            return _client_attribute(run, owner, name, node, scope) if isinstance(owner, Client) else OPAQUE
    return OPAQUE


TRANSFERS = {
    "upload_file": ("Filename", "Bucket", "Key"), "upload_fileobj": ("Fileobj", "Bucket", "Key"),
    "download_file": ("Bucket", "Key", "Filename"), "download_fileobj": ("Bucket", "Key", "Fileobj"),
    "copy": ("CopySource", "Bucket", "Key"),
}  # fmt: skip
TOKENS = {
    ("rds", "generate_db_auth_token"): "GenerateDbAuthToken",
    ("dsql", "generate_db_connect_auth_token"): "GenerateDbConnectAuthToken",
    ("dsql", "generate_db_connect_admin_auth_token"): "GenerateDbConnectAdminAuthToken",
}
CLIENT_METHODS = frozenset({"get_paginator", "get_waiter", "generate_presigned_url", "generate_presigned_post"})
HARMLESS = frozenset(
    {"can_paginate", "close", "exceptions", "waiter_names", "__aenter__", "__enter__", "__aexit__", "__exit__"}
)


def _client_attribute(
    run: Interpreter, client: Client, name: str, node: ast.AST, scope: Scope, *, others: bool = False
) -> Value:
    """`others`: another service that the client may be of has the method; then it is no hole that this one has not."""
    if (
        name in CLIENT_METHODS
        or (client.service in ("s3", "") and name in TRANSFERS)
        or (client.service, name) in TOKENS
    ):
        return frozenset({Special(client, name)})
    if name == "meta":
        return frozenset({Special(client, "meta ")})
    if name in HARMLESS or name.startswith("_"):
        return frozenset({External("botocore.harmless")})
    known = sdk.service(client.service)
    if known is not None and (operation := known.operation(name)):
        return frozenset({Operation(client.service, operation)})
    if others:
        return NOTHING
    if known is None:
        may = candidates(name)
        what = f"a client of {client.service or 'a service that the code reads from elsewhere'}"
        run.cannot_tell(f"{name} is called on {what}", may, run.place(node, scope))
    else:
        run.cannot_tell(
            f"{client.service} has no operation {name} that opsctl knows",
            (f"{known.prefix}:*",),
            run.place(node, scope),
        )
    return OPAQUE


def candidates(attribute_name: str) -> tuple[str, ...]:
    """Patterns of what an operation of this Python name may need, whatever service it is of."""
    from opsctl.iam.code.actions import actions_of

    owners = sdk.services_with(attribute_name)
    found = {action for name in owners for action in actions_of(name, _operation(name, attribute_name))}
    return tuple(sorted(found)) or ("*",)


def _operation(service: str, attribute_name: str) -> str:
    known = sdk.service(service)
    return known.operation(attribute_name) if known else ""


def _resource_attribute(run: Interpreter, resource: Resource, name: str, node: ast.AST, scope: Scope) -> Value:
    known = sdk.service(resource.service)
    if known is None or not known.resources:
        run.cannot_tell("a resource of a service that isn't known", ("*",), run.place(node, scope))
        return OPAQUE
    if name == "meta":
        return frozenset({Special(resource, "meta ")})
    body = known.resources.get(resource.kind, {})
    kind = (resource.service, resource.kind)
    if resource.service == "s3" and resource.kind in ("Bucket", "Object", "ObjectSummary") and name in TRANSFERS:
        return frozenset({Special(resource, name)})
    if kind == ("dynamodb", "Table") and name == "batch_writer":
        return frozenset({Special(resource, "batch_writer")})
    if resource.service == "ec2" and name in ("create_tags", "delete_tags"):
        return frozenset({Operation("ec2", "CreateTags" if name == "create_tags" else "DeleteTags")})
    if name in body.get("actions", {}):
        operation, own, gives = body["actions"][name]
        return frozenset({Operation(resource.service, operation, _own(resource, own), gives)})
    if name in body.get("collections", {}):
        return frozenset({Collection(resource, name)})
    if name in body.get("waiters", {}):
        polled = known.waiter(body["waiters"][name])
        own = body.get("load", ["", {}])[1]
        return frozenset({Operation(resource.service, polled, _own(resource, own), through="waiter")})
    if name in body.get("has", {}):
        kind_made = body["has"][name]
        made = Special(resource, f"make {kind_made}")
        return (
            frozenset({made})
            if name[:1].isupper()
            else frozenset({Resource(resource.service, kind_made, resource.ids)})
        )
    if name in ("load", "reload"):
        if "load" in body:
            return frozenset({Operation(resource.service, body["load"][0], _own(resource, body["load"][1]))})
        if kind == ("s3", "Bucket"):  # boto3 has its own: it looks among all buckets
            return frozenset({Operation("s3", "ListBuckets")})
        if kind == ("s3", "ObjectSummary"):
            return frozenset({Operation("s3", "HeadObject", _own(resource, {"Bucket": "BucketName", "Key": "Key"}))})
    ids = dict(resource.ids)
    for identifier in body.get("ids", ()):
        if sdk.plain(identifier) == sdk.plain(name) or (name == "name" and identifier == "Name"):
            return ids.get(identifier, OPAQUE)
    if name.startswith("_") or name in ("get_available_subresources",):
        return OPAQUE
    if "load" in body:  # any other attribute is read from AWS when it is asked for
        operation, own = body["load"]
        run.note(resource.service, operation, dict(_own(resource, own)), node, scope, through=name)
    elif kind == ("s3", "Bucket") and name == "creation_date":
        run.note("s3", "ListBuckets", {}, node, scope, through=name)
    return OPAQUE


def _own(resource: Resource, own: Mapping[str, str]) -> tuple[tuple[str, Value], ...]:
    ids = dict(resource.ids)
    return tuple((argument, ids.get(identifier, OPAQUE)) for argument, identifier in own.items())


def _collect(
    run: Interpreter, collection: Collection, method_name: str, given: Arguments | None, node: ast.AST, scope: Scope
) -> Value:
    owner = collection.owner
    known = sdk.service(owner.service)
    if known is None:
        return OPAQUE
    operation, own, kind = known.resources[owner.kind]["collections"][collection.name]
    arguments = {**dict(_own(owner, own)), **(given.named if given and method_name == "filter" else {})}
    run.note(owner.service, operation, arguments, node, scope, through=collection.name)
    batch = known.resources.get(kind, {}).get("batch", {})
    if method_name in batch:
        run.note(owner.service, batch[method_name], arguments, node, scope, through=f"{collection.name}.{method_name}")
        return OPAQUE
    ids = owner.ids
    if (owner.service, kind) in (("s3", "ObjectSummary"), ("s3", "ObjectVersion"), ("s3", "MultipartUpload")):
        ids = (("BucketName", dict(owner.ids).get("Name", OPAQUE)), ("Key", constant(UNKNOWN_TEXT)))
    return frozenset({Resource(owner.service, kind, ids)})


def aws_call(run: Interpreter, atom: Any, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    match atom:
        case Operation(through="paginator" | "waiter" | "batch_writer") | Operation():
            if atom.name == "GenerateDbAuthToken":
                return OPAQUE
            arguments = {**dict(atom.bound), **given.named}
            run.note(atom.service, atom.name, arguments, node, scope, through=atom.through, open=given.open)
            if (atom.service, atom.name) == ("sqs", "GetQueueUrl"):
                return _queue_found(run, arguments, bool(atom.gives), node, scope)
            if atom.gives:
                known = sdk.service(atom.service)
                identifiers = known.resources.get(atom.gives, {}).get("ids", []) if known else []
                bound = dict(atom.bound)
                ids = tuple((each, bound.get(each, OPAQUE)) for each in identifiers)
                made = Resource(atom.service, atom.gives, ids)
                if atom.gives in ("Message",):
                    ids = (("QueueUrl", bound.get("QueueUrl", OPAQUE)), ("ReceiptHandle", OPAQUE))
                    made = Resource(atom.service, atom.gives, ids)
                return frozenset({made})
            return frozenset({External("aws.answer")})
        case Special():
            return _special(run, atom, given, node, scope)
        case Client() | Resource():  # an asynchronous session's client is entered and awaited, not called
            return frozenset({atom})
    return OPAQUE


def _queue_found(
    run: Interpreter, arguments: Mapping[str, Value], as_resource: bool, node: ast.AST, scope: Scope
) -> Value:
    """What says which queue was asked for: its URL where it is another account's, else its name."""
    url = frozenset(
        Constant(f"https://sqs.⟦region⟧.amazonaws.com/{owner}/{name}" if owner.isdigit() else name)
        for name in texts(arguments.get("QueueName", OPAQUE))
        for owner in texts(arguments.get("QueueOwnerAWSAccountId", constant("")))
    )
    if as_resource:
        return frozenset({Resource("sqs", "Queue", (("Url", url),))})
    answer = run.make("dict", node, scope, "queue url")
    run.put(answer, "QueueUrl", url)
    return frozenset({answer})


def _special(run: Interpreter, atom: Special, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    owner, name = atom.owner, atom.name
    if isinstance(owner, Session):
        return _session(run, name, given, node, scope)
    if name.startswith("collection "):
        _, collection, method_name = name.split(" ")
        whole = Collection(owner, collection)  # type: ignore[arg-type]
        if method_name in ("all", "filter", "limit", "page_size"):
            _collect(run, whole, method_name, given, node, scope)
            return frozenset({whole})
        return _collect(run, whole, method_name, given, node, scope)
    if isinstance(owner, Resource):
        return _resource_special(run, owner, name, given, node, scope)
    known = sdk.service(owner.service)
    place = run.place(node, scope)
    if name in ("get_paginator", "get_waiter"):
        found: set[Any] = set()
        for text in texts(given.get(0, "operation_name" if name == "get_paginator" else "waiter_name")):
            operation = (known.operation(text) if name == "get_paginator" else known.waiter(text)) if known else ""
            if operation:
                found.add(Operation(owner.service, operation, through=name.removeprefix("get_")))
            else:
                may = (f"{known.prefix}:*",) if known else candidates(text) if "⟦" not in text else ("*",)
                run.cannot_tell(f"{name} of {_named(text)}", may, place)
        return frozenset(found) or OPAQUE
    if name == "generate_presigned_url":
        parameters = {}
        for each in given.get(1, "Params"):
            if isinstance(each, Heap):
                parameters.update({key: value for key, value in each.items.items() if isinstance(key, str)})
        for text in texts(given.get(0, "ClientMethod")):
            operation = known.operation(text) if known else ""
            if operation:
                run.note(
                    owner.service,
                    operation,
                    parameters,
                    node,
                    scope,
                    through=name,
                    open="Params" not in given.named and len(given.positional) < 2,
                )
            else:
                run.cannot_tell(
                    f"a URL is signed for {_named(text)}", (f"{known.prefix}:*",) if known else ("*",), place
                )
        return constant(UNKNOWN_TEXT)
    if name == "generate_presigned_post":
        run.note(
            "s3",
            "PutObject",
            {"Bucket": given.get(0, "Bucket", OPAQUE), "Key": given.get(1, "Key", OPAQUE)},
            node,
            scope,
            through=name,
        )
        return OPAQUE
    if (owner.service, name) in TOKENS:
        run.note(owner.service, TOKENS[owner.service, name], given.named, node, scope, through=name)
        return constant(UNKNOWN_TEXT)
    if name in TRANSFERS:
        arguments = {argument: given.get(index, argument, OPAQUE) for index, argument in enumerate(TRANSFERS[name])}
        _transfer(run, name, arguments, node, scope)
    return OPAQUE


def _named(text: str) -> str:
    return "something that isn't known" if "⟦" in text else text


def _transfer(run: Interpreter, name: str, arguments: Mapping[str, Value], node: ast.AST, scope: Scope) -> None:
    """s3transfer: HEAD and GET to read; PUT, or a multipart upload above 8 MB, to write.

    All of a write is s3:PutObject, but ending one that failed (s3transfer, tasks.py: AbortMultipartUpload) is not.
    """
    target = {key: value for key, value in arguments.items() if key in ("Bucket", "Key")}
    if name.startswith("download"):
        run.note("s3", "GetObject", target, node, scope, through=name)
        return
    if name == "copy":
        run.note("s3", "CopyObject", arguments, node, scope, through=name)
    else:
        run.note("s3", "PutObject", target, node, scope, through=name)
    run.note("s3", "AbortMultipartUpload", target, node, scope, through=name, optional=True)


def _resource_special(
    run: Interpreter, owner: Resource, name: str, given: Arguments, node: ast.AST, scope: Scope
) -> Value:
    if name.startswith("make "):
        known = sdk.service(owner.service)
        kind = name.removeprefix("make ")
        identifiers = known.resources[kind].get("ids", []) if known else []
        have = dict(owner.ids)
        # A bucket's Object has its bucket's name by another name.
        inherited = [have[each] for each in have][: max(len(identifiers) - len(given.positional) - len(given.named), 0)]
        ids: dict[str, Value] = {}
        rest = iter([*inherited, *given.positional])
        for identifier in identifiers:
            snake = re.sub(r"(?<!^)(?=[A-Z])", "_", identifier).lower()
            ids[identifier] = given.named[snake] if snake in given.named else next(rest, OPAQUE)
        return frozenset({Resource(owner.service, kind, tuple(ids.items()))})
    if name == "batch_writer":
        table = dict(owner.ids).get("Name", OPAQUE)
        return frozenset({Special(Resource("dynamodb", "Table", (("Name", table),)), "batch_writer ")})
    if name in TRANSFERS:
        ids = dict(owner.ids)
        bucket = ids.get("BucketName", ids.get("Name", OPAQUE))
        wanted = [each for each in TRANSFERS[name] if each != "Bucket" and not (each == "Key" and "Key" in ids)]
        arguments = {argument: given.get(index, argument, OPAQUE) for index, argument in enumerate(wanted)}
        arguments["Bucket"] = bucket
        arguments.setdefault("Key", ids.get("Key", OPAQUE))
        _transfer(run, name, arguments, node, scope)
    return OPAQUE


def _session(run: Interpreter, name: str, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    if name in ("client", "create_client", "resource"):
        return made(run, "resource" if name == "resource" else "client", given, node, scope)
    if name == "get_session":
        return frozenset({Session()})
    return frozenset({External(f"boto3.session.{name}")})


OWN_CREDENTIALS = frozenset({symbol("env.AWS_ACCESS_KEY_ID"), symbol("env.AWS_SECRET_ACCESS_KEY")})
"""Where Lambda puts those of the role itself."""


def others_credentials(run: Interpreter, given: Arguments, node: ast.AST, scope: Scope, may: str = "*") -> bool:
    """Whether a client or session has credentials of its own: it acts as somebody else then, not as the role.

    Where they don't come from an assumed role but from elsewhere, whose they are is noted as "cannot tell".
    """
    value = join(given.named.get(name, NOTHING) for name in ("aws_access_key_id", "profile_name"))
    value = frozenset(
        atom for atom in value if not (isinstance(atom, Constant) and (not atom.value or atom.value in OWN_CREDENTIALS))
    )
    if not value:
        return False
    if not all(isinstance(atom, External) and atom.name.startswith("aws.answer") for atom in value):
        run.cannot_tell(
            "a client has credentials of its own: whose they are isn't known", (may,), run.place(node, scope)
        )
    return True


def made(run: Interpreter, kind: str, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """`boto3.client(…)` and its like."""
    names = [text if "⟦" not in text else "" for text in texts(given.get(0, "service_name"))]
    known = sdk.service(names[0])
    if others_credentials(run, given, node, scope, f"{known.prefix}:*" if known else "*"):
        return frozenset({External("aws.others")})
    return frozenset(Client(name) if kind == "client" else Resource(name) for name in names)


def typed(name: str) -> Value:
    """mypy_boto3_s3.client.S3Client → a client; mypy_boto3_dynamodb.service_resource.Table → a resource."""
    found = re.fullmatch(r"(?:mypy_boto3_|types_boto3_|types_aiobotocore_|mypy_boto3\.)(\w+)(?:\.\w+)*?\.(\w+)", name)
    if found is None:
        return NOTHING
    service = found[1].removesuffix("_").replace("_", "-")
    if sdk.service(service) is None:
        return NOTHING
    if found[2].endswith("Client"):
        return frozenset({Client(service)})
    kind = found[2].removesuffix("Resource") if found[2].endswith("ServiceResource") else found[2]
    kind = "" if found[2].endswith("ServiceResource") else kind
    known = sdk.service(service)
    return frozenset({Resource(service, kind)}) if known and kind in known.resources else NOTHING


# — libraries —


def call(
    run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope, *, certain: bool = False
) -> Value:
    """`certain`: what else the called thing may be is known; then this one isn't suspected."""
    name = re.sub(r"\(\)", "", atom.name)
    handle = CALLS.get(name)
    if handle is None:
        handle = next((CALLS[part + ".*"] for part in _prefixes(name)[1:] if part + ".*" in CALLS), None)
    if handle is not None:
        return handle(run, atom, given, node, scope)
    if name in ("aws.answer",) or name.startswith(("aws.others", "aws.answer", "botocore.harmless")):
        return frozenset({atom})
    top = name.partition(".")[0]
    if not certain and (top not in KNOWN or top == "aws_lambda_powertools"):
        suspect(run, name.rpartition(".")[2], given, node, scope, cautious=True)
    if top not in sys.stdlib_module_names and top not in (
        "builtins",
        "aws_lambda_powertools",
        "aws_xray_sdk",
        "boto3",
        "botocore",
        "pytest",
    ):
        for value in given.all():
            for each in value:
                if isinstance(each, Client | Resource | Session):
                    _hand_over(run, each, name, node, scope)
                elif isinstance(each, Heap) and each.kind == "instance":
                    run._all_methods(each, node, scope)
        if any(text.startswith("s3://") for value in given.all() for text in texts(value)):
            run.cannot_tell(f"{name} reads or writes an s3:// address", ("s3:*",), run.place(node, scope))
    return passed_on(run, given, node, scope) | frozenset({External(f"{atom.name}()")})


def _hand_over(run: Interpreter, atom: Any, to: str, node: ast.AST, scope: Scope) -> None:
    known = sdk.service(getattr(atom, "service", "")) if not isinstance(atom, Session) else None
    what = f"a client of {atom.service}" if known else "a session of boto3"
    run.cannot_tell(f"{to} is handed {what}", (f"{known.prefix}:*",) if known else ("*",), run.place(node, scope))


def passed_on(run: Interpreter, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """What something unknown may do with its arguments: call what can be called, and give back what it got."""
    values = list(given.all())
    positional = given.positional
    for index, value in enumerate(positional):
        if any(isinstance(each, Function | Partial) for each in value):
            run.escape(value, node, scope, [run.elements(each, node, scope) | each for each in positional[index + 1 :]])
        else:
            _escape_operations(run, value, given, node, scope)
    for name, value in given.named.items():
        arguments: list[Value] = []
        if name in ("target", "function", "func", "fn"):
            arguments = _spread(run, given.named.get("args", NOTHING), node, scope)
        run.escape(value, node, scope, arguments)
    kept = (*AWS, Class, Function, Partial)
    return OPAQUE | join(
        frozenset(
            atom for atom in value if isinstance(atom, kept) or (isinstance(atom, Heap) and atom.kind == "instance")
        )
        for value in values
    )


def _spread(run: Interpreter, value: Value, node: ast.AST, scope: Scope) -> list[Value]:
    """What `args=(…)` hands over, one by one."""
    for atom in value:
        if isinstance(atom, Heap) and atom.kind == "seq" and not atom.rest:
            return [atom.items[index] for index in sorted(atom.items)]
    return [run.elements(value, node, scope)] if value else []


def _escape_operations(run: Interpreter, value: Value, given: Arguments, node: ast.AST, scope: Scope) -> None:
    for each in value:
        if isinstance(each, Operation):
            named = {
                name: inner
                for name, inner in given.named.items()
                if name[:1].isupper() or "Arn" in name or "Name" in name
            }
            aws_call(run, each, type(given)(named=named, open=True), node, scope)
        elif isinstance(each, Special) and not each.name.endswith(" "):
            aws_call(run, each, type(given)(given.positional[1:], given.named, True), node, scope)
        elif isinstance(each, Heap) and each.kind != "instance":
            run.escape(frozenset({each}), node, scope)


def suspect(
    run: Interpreter, name: str, given: Arguments, node: ast.AST, scope: Scope, *, cautious: bool = False
) -> None:
    """A call on something unknown that looks like AWS's: boto3 takes named arguments only, in AWS's spelling."""
    place = run.place(node, scope)
    if name in ("get_paginator", "get_waiter", "generate_presigned_url") and given.positional and not given.named:
        text = texts(given.positional[0])[0]
        if "_" in text or name != "get_paginator":
            may = candidates(text) if name == "get_paginator" and "⟦" not in text else ("*",)
            run.cannot_tell(f"{name} is called on something that isn't known", may, place)
        return
    if given.positional or not name or not sdk.services_with(name):
        return
    spelled = [each for each in given.named if re.fullmatch(r"[A-Z][A-Za-z0-9]*|[a-z]+[A-Z][A-Za-z0-9]*", each)]
    if (given.named and len(spelled) == len(given.named)) or (
        not given.named and "_" in name and not cautious and (given.open or name.startswith(("list_", "describe_")))
    ):
        run.cannot_tell(f"{name} is called on something that isn't known", candidates(name), place)


Handler = Callable[["Interpreter", External, "Arguments", ast.AST, "Scope"], Value]


def _makes(kind: str) -> Handler:
    return lambda run, atom, given, node, scope: made(run, kind, given, node, scope)


def _makes_session(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    if given.positional:
        given.named.setdefault("aws_access_key_id", given.positional[0])
    if others_credentials(run, given, node, scope):
        return frozenset({External("aws.others")})
    return frozenset({Session()})


def _transfer_manager(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return (
        frozenset(Special(each, "transfer ") for each in given.get(0, "client") if isinstance(each, Client)) or OPAQUE
    )


def _getenv(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    default = given.get(1, "default")
    return join(_variable(run, name, default) for name in texts(given.get(0, "key")))


def _partial(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    if not given.positional:
        return OPAQUE
    return frozenset({Partial(given.positional[0], tuple(given.positional[1:]), tuple(given.named.items()))})


def _first(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return given.positional[-1] if given.positional else frozenset({External(atom.name + "()")})


def _given(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return given.positional[0] if given.positional else frozenset({External(atom.name + "()")})


def _decorator(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return frozenset({External(f"{atom.name}()")})


def _getattr(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    owner, found = given.get(0, "object"), [given.get(2, "default")]
    for name in texts(given.get(1, "name")):
        if "⟦" not in name:
            found.append(run.attribute(owner, name, node, scope))
            continue
        begin = name.partition("⟦")[0]
        for each in owner:
            match each:
                case Client() | Resource():
                    known = sdk.service(each.service)
                    run.cannot_tell(
                        f"which operation of {each.service or 'an unknown service'} is called comes from elsewhere",
                        (f"{known.prefix}:*",) if known else ("*",), run.place(node, scope),
                    )  # fmt: skip
                case Heap(kind="instance"):
                    names = {key for one in run.lineage(each.of)[0] for key in one.scope.names} | {
                        str(key) for key in each.items
                    }
                    found += [
                        run.attribute(frozenset({each}), key, node, scope)
                        for key in sorted(names) if key.startswith(begin) and not key.startswith("__")
                    ]  # fmt: skip
                case Module() if module := run.modules.get(each.name):
                    found += [value for key, value in list(module.names.items()) if key.startswith(begin)]
                case _:
                    found.append(OPAQUE)
    return join(found)


def _setattr(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    for each in given.get(0, "object"):
        if isinstance(each, Heap):
            for name in texts(given.get(1, "name")):
                run.put(each, None if "⟦" in name else name, given.get(2, "value"))
    return constant(None)


def _globals(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    made_of = run.make("dict", node, scope, "globals")
    module = run.modules.get(scope.module)
    for name, value in list(module.names.items()) if module else ():
        if any(isinstance(each, Function | Class | Client | Resource) for each in value):
            run.put(made_of, name, value)
    return frozenset({made_of})


def _import(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    found = []
    for name in texts(given.get(0, "name")):
        if "⟦" in name:
            run.cannot_tell("a module is imported whose name comes from elsewhere", ("*",), run.place(node, scope))
        else:
            found.append(run.module(name.lstrip("."), node, scope))
    return join(found) or OPAQUE


def _evaluates(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    run.cannot_tell(
        f"{atom.name.rpartition('.')[2]} runs code that is made while it runs", ("*",), run.place(node, scope)
    )
    return OPAQUE


def _applies(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """map, filter: the function on each; its results."""
    if not given.positional:
        return OPAQUE
    arguments = [run.elements(each, node, scope) for each in given.positional[1:]]
    result = run.call(given.positional[0], type(given)(arguments), node, scope)
    heap = run.make("seq", node, scope, atom.name)
    run.put(heap, None, result if not atom.name.endswith("filter") else (arguments[0] if arguments else OPAQUE))
    return frozenset({heap})


def _collects(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """list, tuple, sorted, set, dict, reversed: the same elements."""
    kind = "dict" if atom.name == "builtins.dict" else "seq"
    heap = run.make(kind, node, scope, atom.name)
    for value in given.positional[:1]:
        same = [each for each in value if isinstance(each, Heap) and each.kind == kind]
        for each in same:
            for key, inner in list(each.items.items()):
                run.put(heap, key if atom.name in ("builtins.dict", "builtins.tuple", "builtins.list") else None, inner)
            if each.rest:
                run.put(heap, None, each.rest)
        if not same:
            run.put(heap, None, run.elements(value, node, scope))
    if kind == "dict":
        for name, value in given.named.items():
            run.put(heap, name, value)
    for name in ("key",):
        if name in given.named and kind == "seq":
            run.escape(given.named[name], node, scope, [heap.rest])
    return frozenset({heap})


def _new(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """`super().__new__(cls)` where no base of the code's own has one."""
    found = []
    for each in given.get(0, "cls"):
        if isinstance(each, Class):
            heap = run.make("instance", node, scope, each)
            heap.of = each
            found.append(frozenset({heap}))
    return join(found)


def _field(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """A dataclass's field: its default, or what its factory makes."""
    made_by = given.named.get("default_factory", given.named.get("factory", NOTHING))
    made_value = run.call(made_by, type(given)(), node, scope) if made_by else NOTHING
    return join((given.named.get("default", NOTHING), made_value)) or OPAQUE


def _default_dict(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    heap = run.make("dict", node, scope, "defaultdict")
    factory = given.get(0, "default_factory")
    run.put(heap, None, run.call(factory, type(given)(), node, scope) if factory else OPAQUE)
    return frozenset({heap})


def _zips(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    pair, heap = run.make("seq", node, scope, "pair"), run.make("seq", node, scope, "zip")
    offset = 1 if atom.name.endswith("enumerate") else 0
    if offset:
        run.put(pair, 0, OPAQUE)
    for index, value in enumerate(given.positional[: 1 if offset else None]):
        run.put(pair, index + offset, run.elements(value, node, scope))
    run.put(heap, None, frozenset({pair}))
    return frozenset({heap})


def _text(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return join(constant(text) for text in texts(given.positional[0])) if given.positional else constant("")


def _nothing(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return OPAQUE


def _gathers(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    heap = run.make("seq", node, scope, "gather")
    for value in given.positional:
        run.put(heap, None, value)
    passed_on(run, given, node, scope)
    return frozenset({heap})


def _method_caller(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    run.cannot_tell("operator.methodcaller calls a method by its name", ("*",), run.place(node, scope))
    return OPAQUE


PROGRAMS_THAT_CALL_AWS = re.compile(
    r"(?:^|[\s/;&|\[\"'])(?:aws|s3cmd|s5cmd|terraform|sam|cdk|eksctl|copilot)(?:\s|$|[\"'])"
)


def _program(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    words: list[str] = []
    for each in given.get(0, "args", given.get(0, "command")):
        if isinstance(each, Heap):
            words += [text for inner in (*each.items.values(), each.rest) if inner for text in texts(inner)]
            first = texts(each.items[0])[0] if 0 in each.items else UNKNOWN_TEXT
        else:
            first = texts(frozenset({each}))[0]
            words.append(first)
        if first.startswith("⟦"):
            run.cannot_tell("a program is started whose name comes from elsewhere", ("*",), run.place(node, scope))
    if PROGRAMS_THAT_CALL_AWS.search(" ".join(words)):
        run.cannot_tell(f"the program {words[0].split()[0]} is started", ("*",), run.place(node, scope))
    return OPAQUE


def _signs(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    name = texts(given.get(1, "service_name"))[0]
    may = "*" if "⟦" in name else f"{SIGNED.get(name, name)}:*"
    run.cannot_tell(f"requests are signed for {_named(name)} without boto3", (may,), run.place(node, scope))
    return OPAQUE


SIGNED = {"es": "es", "monitoring": "cloudwatch", "email": "ses"}


def _opensearch(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    run.cannot_tell("requests to OpenSearch are signed without boto3", ("es:*", "aoss:*"), run.place(node, scope))
    return OPAQUE


def _does(*operations: tuple[str, str, str], through: str = "Powertools") -> Handler:
    """Calls of (service, operation, the parameter that its first argument is)."""

    def handle(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
        for service, operation, parameter in operations:
            value = given.get(0, _snake(parameter), given.named.get("name", given.named.get("path", OPAQUE)))
            arguments = {parameter: value} if parameter else {}
            run.note(service, operation, arguments, node, scope, through=through)
        return OPAQUE

    return handle


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _s3_object(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    run.note(
        "s3",
        "GetObject",
        {"Bucket": given.get(0, "bucket", OPAQUE), "Key": given.get(1, "key", OPAQUE)},
        node,
        scope,
        through="Powertools",
    )
    return OPAQUE


def _persistence(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    """Powertools for AWS Lambda (Python), "Idempotency", IAM permissions: these four."""
    for operation in ("GetItem", "PutItem", "UpdateItem", "DeleteItem"):
        run.note(
            "dynamodb",
            operation,
            {"TableName": given.get(0, "table_name", OPAQUE)},
            node,
            scope,
            through="DynamoDBPersistenceLayer",
        )
    return OPAQUE


def _provider(run: Interpreter, atom: External, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    heap = External(f"{atom.name}()")
    if atom.name.endswith("DynamoDBProvider"):
        return frozenset(
            {heap, Special(Resource("dynamodb", "Table", (("Name", given.get(0, "table_name", OPAQUE)),)), "provider ")}
        )
    return frozenset({heap})


POWERTOOLS = "aws_lambda_powertools.utilities"
PARAMETERS = f"{POWERTOOLS}.parameters"
CONFIGURATION = (("appconfigdata", "StartConfigurationSession", ""), ("appconfigdata", "GetLatestConfiguration", ""))

CALLS: Mapping[str, Handler] = {
    **{f"{library}.{kind}": _makes(kind) for library in ("boto3", "aioboto3") for kind in ("client", "resource")},
    **dict.fromkeys(
        (
            "boto3.Session",
            "boto3.session.Session",
            "aioboto3.Session",
            "aioboto3.session.Session",
            "botocore.session.get_session",
            "botocore.session.Session",
            "aiobotocore.session.get_session",
            "aiobotocore.session.AioSession",
            "boto3._get_default_session",
        ),
        _makes_session,
    ),
    "boto3.s3.transfer.S3Transfer": _transfer_manager,
    "boto3.s3.transfer.create_transfer_manager": _transfer_manager,
    "boto3.setup_default_session": _nothing,
    "os.getenv": _getenv,
    "os.environ.get": _getenv,
    "os.environ.setdefault": _getenv,
    "os.environ.pop": _getenv,
    "functools.partial": _partial,
    "functools.partialmethod": _partial,
    "functools.wraps": _decorator,
    "functools.cache": _given,
    "functools.lru_cache": _given,
    "builtins.super.__new__": _new,
    "builtins.object.__new__": _new,
    "dataclasses.field": _field,
    "attr.ib": _field,
    "attrs.field": _field,
    "collections.defaultdict": _default_dict,
    "typing.cast": _first,
    "copy.copy": _given,
    "copy.deepcopy": _given,
    "asyncio.run": _given,
    "builtins.iter": _given,
    "builtins.next": _applies,
    "asyncio.create_task": _given,
    "asyncio.ensure_future": _given,
    "asyncio.wait_for": _given,
    "contextlib.closing": _given,
    "contextlib.suppress": _nothing,
    "contextlib.nullcontext": _given,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.globals": _globals,
    "builtins.vars": _nothing,
    "importlib.import_module": _import,
    "builtins.__import__": _import,
    "builtins.exec": _evaluates,
    "builtins.eval": _evaluates,
    "builtins.compile": _nothing,
    "builtins.map": _applies,
    "builtins.filter": _applies,
    **{f"builtins.{name}": _collects for name in ("list", "tuple", "set", "frozenset", "sorted", "reversed", "dict")},
    "builtins.zip": _zips,
    "builtins.enumerate": _zips,
    "builtins.str": _text,
    "asyncio.gather": _gathers,
    "itertools.chain": _gathers,
    **{
        f"builtins.{name}": _nothing
        for name in (
            "print",
            "len",
            "isinstance",
            "issubclass",
            "hasattr",
            "id",
            "repr",
            "type",
            "bool",
            "int",
            "float",
            "callable",
            "hash",
            "dir",
        )
    },
    "operator.methodcaller": _method_caller,
    **{f"subprocess.{name}": _program for name in ("run", "call", "check_call", "check_output", "Popen", "getoutput")},
    "os.system": _program,
    "os.popen": _program,
    "asyncio.create_subprocess_exec": _program,
    "asyncio.create_subprocess_shell": _program,
    "botocore.auth.SigV4Auth": _signs,
    "botocore.auth.SigV4QueryAuth": _signs,
    "botocore.auth.S3SigV4Auth": _signs,
    "botocore.crt.auth.CrtSigV4Auth": _signs,
    "botocore.crt.auth.CrtSigV4AsymAuth": _signs,
    "botocore.signers.RequestSigner": _evaluates,
    "opensearchpy.AWSV4SignerAuth": _opensearch,
    "opensearchpy.RequestsAWSV4SignerAuth": _opensearch,
    "opensearchpy.Urllib3AWSV4SignerAuth": _opensearch,
    "aws_secretsmanager_caching.SecretCache": _nothing,
    "aws_secretsmanager_caching.SecretCache.get_secret_string": _does(
        ("secretsmanager", "DescribeSecret", "SecretId"),
        ("secretsmanager", "GetSecretValue", "SecretId"),
        through="SecretCache",
    ),
    f"{PARAMETERS}.get_parameter": _does(("ssm", "GetParameter", "Name")),
    f"{PARAMETERS}.get_parameters": _does(("ssm", "GetParametersByPath", "Path")),
    f"{PARAMETERS}.get_parameters_by_name": _does(("ssm", "GetParameters", "")),
    f"{PARAMETERS}.set_parameter": _does(("ssm", "PutParameter", "Name")),
    f"{PARAMETERS}.get_secret": _does(("secretsmanager", "GetSecretValue", "SecretId")),
    f"{PARAMETERS}.set_secret": _does(("secretsmanager", "PutSecretValue", "SecretId")),
    f"{PARAMETERS}.get_app_config": _does(*CONFIGURATION),
    **{f"{PARAMETERS}.{module}SSMProvider": _provider for module in ("", "ssm.")},
    **{f"{PARAMETERS}.{module}SSMProvider.get": _does(("ssm", "GetParameter", "Name")) for module in ("", "ssm.")},
    **{
        f"{PARAMETERS}.{module}SSMProvider.get_multiple": _does(("ssm", "GetParametersByPath", "Path"))
        for module in ("", "ssm.")
    },
    **{
        f"{PARAMETERS}.{module}SSMProvider.get_parameters_by_name": _does(("ssm", "GetParameters", ""))
        for module in ("", "ssm.")
    },
    **{f"{PARAMETERS}.{module}SSMProvider.set": _does(("ssm", "PutParameter", "Name")) for module in ("", "ssm.")},
    **{f"{PARAMETERS}.{module}SecretsProvider": _provider for module in ("", "secrets.")},
    **{
        f"{PARAMETERS}.{module}SecretsProvider.get": _does(("secretsmanager", "GetSecretValue", "SecretId"))
        for module in ("", "secrets.")
    },
    **{
        f"{PARAMETERS}.{module}SecretsProvider.set": _does(("secretsmanager", "PutSecretValue", "SecretId"))
        for module in ("", "secrets.")
    },
    **{f"{PARAMETERS}.{module}AppConfigProvider": _provider for module in ("", "appconfig.")},
    **{f"{PARAMETERS}.{module}AppConfigProvider.get": _does(*CONFIGURATION) for module in ("", "appconfig.")},
    **{f"{PARAMETERS}.{module}DynamoDBProvider": _provider for module in ("", "dynamodb.")},
    f"{POWERTOOLS}.feature_flags.AppConfigStore": _does(*CONFIGURATION),
    f"{POWERTOOLS}.feature_flags.appconfig.AppConfigStore": _does(*CONFIGURATION),
    **{
        f"{POWERTOOLS}.idempotency.{module}DynamoDBPersistenceLayer": _persistence
        for module in ("", "persistence.dynamodb.")
    },
    **{f"{POWERTOOLS}.streaming.{module}S3Object": _s3_object for module in ("", "s3_object.")},
}


# — methods of what is built in —


def method(run: Interpreter, atom: Method, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    owner, name = atom.owner, atom.name
    if name == "__subclasses__":
        heap = run.make("seq", node, scope, name)
        for each in run.classes.values():
            if owner in run.lineage(each)[0][1:]:
                run.put(heap, None, frozenset({each}))
        return frozenset({heap})
    if isinstance(owner, Constant):
        return _text_method(owner.value, name, given)
    handle = CONTAINER.get(name)
    if handle is not None:
        return handle(run, owner, given, node, scope)
    return OPAQUE


def _text_method(text: Any, name: str, given: Arguments) -> Value:
    if not isinstance(text, str):
        return OPAQUE
    if name == "format":
        parts = iter([texts(value)[0] for value in given.positional])
        named = {key: texts(value)[0] for key, value in given.named.items()}
        return constant(re.sub(r"\{(\w*)[^}]*\}", lambda found: named.get(found[1]) or next(parts, UNKNOWN_TEXT), text))
    if name in ("strip", "rstrip", "lstrip", "lower", "upper", "removeprefix", "removesuffix", "encode", "replace"):
        if "⟦" in text and name not in ("strip", "rstrip", "lstrip", "encode"):
            return constant(text if name in ("lower",) else UNKNOWN_TEXT)
        known = [texts(value)[0] for value in given.positional]
        if name == "encode" or any("⟦" in each for each in known):
            return constant(text)
        try:
            return constant(getattr(text, name)(*known))
        except (TypeError, ValueError):
            return constant(UNKNOWN_TEXT)
    return (
        constant(UNKNOWN_TEXT) if name not in ("split", "splitlines", "partition", "rpartition", "rsplit") else OPAQUE
    )


def _all(heap: Heap) -> Value:
    return join((*heap.items.values(), heap.rest))


def _get(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    default = given.get(1, "default")
    if heap.kind == "seq":
        return _all(heap)
    return run.item(frozenset({heap}), given.get(0, "key", OPAQUE), node, scope) | default


def _set_default(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    for key in _constant_keys(given.get(0, "key", OPAQUE)):
        run.put(heap, key, given.get(1, "default"))
    return _get(run, heap, given, node, scope)


def _constant_keys(value: Value) -> list[Any]:
    return [each.value if isinstance(each, Constant) else None for each in value] or [None]


def _add(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    for value in given.positional[-1:]:
        run.put(heap, None, value)
    return constant(None)


def _extend(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    for value in given.positional[:1]:
        run.merge(heap, value, node, scope)
    for name, value in given.named.items():
        run.put(heap, name, value)
    return constant(None)


def _values(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    made_of = run.make("seq", node, scope, "values")
    run.put(made_of, None, _all(heap))
    return frozenset({made_of})


def _items(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    pair, made_of = run.make("seq", node, scope, "item"), run.make("seq", node, scope, "items")
    run.put(pair, 0, frozenset(Constant(key) for key in heap.items) | (OPAQUE if heap.rest else NOTHING))
    run.put(pair, 1, _all(heap))
    run.put(made_of, None, frozenset({pair}))
    return frozenset({made_of})


def _same(run: Interpreter, heap: Heap, given: Arguments, node: ast.AST, scope: Scope) -> Value:
    return frozenset({heap})


CONTAINER: Mapping[str, Callable[..., Value]] = {
    "get": _get,
    "pop": _get,
    "popleft": _get,
    "setdefault": _set_default,
    "append": _add,
    "add": _add,
    "appendleft": _add,
    "insert": _add,
    "extend": _extend,
    "update": _extend,
    "values": _values,
    "items": _items,
    "copy": _same,
    "__getitem__": _get,
}
