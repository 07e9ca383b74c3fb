"""A real S3 server with users, started by tests: ``python s3_server.py`` prints who may what.

moto checks signatures and policies. Two things it lacks, and the front in here adds: requests
without a signature, which a user makes who stands for everybody; and that who may not list is told
403 of what is not there, as of what is denied (Amazon S3, API reference, GetObject, "Permissions").
"""

import json
import sys
import threading

import boto3
import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

BUCKET, PRIVATE = "heroes-of-all", "heroes-of-few"
RIGHTS = {
    "writer": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
    "lister": ["s3:ListBucket"],
    "blind-writer": ["s3:GetObject", "s3:PutObject"],
    "everybody": ["s3:GetObject"],
}


class Front:
    """Stands before moto. While ``full`` is set, it says 507 to every PUT."""

    def __init__(self, app):
        self._app = app
        self.users = {}
        self.full = False

    def __call__(self, environ, start_response):
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path == "/full":
            self.full = method == "PUT"
            return Response("so be it")(environ, start_response)
        if self.full and method == "PUT":
            full = Response("<Error><Code>InsufficientStorage</Code></Error>", 507)
            return full(environ, start_response)
        if path.startswith("/moto-api") or not self.users:
            return self._app(environ, start_response)
        if "HTTP_AUTHORIZATION" not in environ:
            self._sign(environ)
        lists = not any(
            self.users[name]["key"] in environ["HTTP_AUTHORIZATION"]
            for name, actions in RIGHTS.items()
            if "s3:ListBucket" not in actions
        )

        def answer(status, headers, *rest):
            denied = status.startswith("404") and not lists
            return start_response("403 Forbidden" if denied else status, headers, *rest)

        return self._app(environ, answer)

    def _sign(self, environ):
        url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
        request = AWSRequest(method=environ["REQUEST_METHOD"], url=url)
        everybody = self.users["everybody"]
        credentials = Credentials(everybody["key"], everybody["secret"])
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        for name, value in request.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value


def make_users(url):
    """Make the buckets and the users; return the users' keys."""

    def client(service):
        return boto3.client(
            service,
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="root",
            aws_secret_access_key="root",
        )

    iam, users = client("iam"), {}
    for name, actions in RIGHTS.items():
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        if name == "everybody":
            statement["Resource"] = f"arn:aws:s3:::{BUCKET}/*"
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        users[name] = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    for bucket in (BUCKET, PRIVATE):
        client("s3").create_bucket(Bucket=bucket)
    return users


def main():
    """Serve until killed."""
    front = Front(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, front, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    front.users = make_users(url)
    httpx.post(f"{url}/moto-api/reset-auth", content=b"0").raise_for_status()
    told = {"url": url, "users": front.users, "bucket": BUCKET, "private": PRIVATE}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
