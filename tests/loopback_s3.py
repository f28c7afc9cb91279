"""A real S3 server on loopback (moto's), with one bucket."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

BUCKET = "bucket"
SECRET = "a-secret-of-the-store-1234"


@dataclass
class Store:
    endpoint: str
    client: Any

    def objects(self, under: str = "") -> dict[str, bytes]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=under)
        names = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return {
            name: self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names
        }


@contextmanager
def s3() -> Iterator[Store]:
    """The environment leads to it while it lasts."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            endpoint = f"http://{host}:{port}"
            patch.setenv("AWS_ENDPOINT_URL", endpoint)
            client = boto3.client("s3", endpoint_url=endpoint)
            client.create_bucket(Bucket=BUCKET)
            yield Store(endpoint, client)
            client.close()
        finally:
            server.stop()


if __name__ == "__main__":
    with s3() as store:
        print(store.endpoint, flush=True)
        sys.stdin.read()
