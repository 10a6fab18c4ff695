"""What programs do with the `kubernetes_asyncio` package, against the server that KUBECONFIG names."""

import asyncio
import unittest

from kubernetes_asyncio import client, config, dynamic, watch
from kubernetes_asyncio.client.api_client import ApiClient
from kubernetes_asyncio.client.rest import ApiException
from kubernetes_asyncio.stream import WsApiClient


class InNamespace(unittest.IsolatedAsyncioTestCase):
    """Each test has a namespace and a client of its own."""

    async def asyncSetUp(self):
        await config.load_kube_config()
        self.api = ApiClient()
        self.addAsyncCleanup(self.api.close)
        self.core = client.CoreV1Api(self.api)
        self.namespace = "aio-" + self._testMethodName.replace("_", "-")
        await self.core.create_namespace({"metadata": {"name": self.namespace}})
        self.addAsyncCleanup(self.remove)

    async def remove(self):
        await self.core.delete_namespace(self.namespace)

    def config_map(self, name, **data):
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"color": "red"}), data=data)
        return self.core.create_namespaced_config_map(self.namespace, body)

    async def fails(self, status, call):
        with self.assertRaises(ApiException) as raised:
            await call
        self.assertEqual(raised.exception.status, status)


class Objects(InNamespace):
    async def test_many_at_once(self):
        """Fifty requests at once are answered, each with its own object, and a list has all of them, page after page."""
        names = [f"m-{number:02}" for number in range(50)]
        made = await asyncio.gather(*(self.config_map(name, key=name) for name in names))
        self.assertEqual([each.data["key"] for each in made], names)
        await self.fails(409, self.config_map("m-00"))
        found, token = [], None
        while token != "":
            page = await self.core.list_namespaced_config_map(self.namespace, label_selector="color=red", limit=20, _continue=token)
            found += [item.metadata.name for item in page.items]
            token = page.metadata._continue or ""
        self.assertEqual(found, names)
        patched = await self.core.patch_namespaced_config_map("m-00", self.namespace, {"data": {"key": None, "other": "x"}})
        self.assertEqual(patched.data, {"other": "x"})
        await self.fails(409, self.core.replace_namespaced_config_map("m-00", self.namespace, made[0]))
        await self.core.delete_collection_namespaced_config_map(self.namespace, label_selector="color=red")
        await self.fails(404, self.core.read_namespaced_config_map("m-00", self.namespace))

    async def test_watch(self):
        """A watch tells what is there and what changes while other requests are under way, and ends when it is stopped."""
        await self.config_map("a")
        seen, told = [], asyncio.Event()

        async def follow():
            async with watch.Watch() as watcher:
                listing = self.core.list_namespaced_config_map
                async for event in watcher.stream(listing, self.namespace, label_selector="color=red"):
                    seen.append((event["type"], event["object"].metadata.name))
                    told.set()
                    if event["type"] == "DELETED":
                        watcher.stop()

        following = asyncio.create_task(follow())
        await asyncio.wait_for(told.wait(), 30)
        await self.config_map("b")
        await self.core.delete_namespaced_config_map("a", self.namespace)
        await asyncio.wait_for(following, 30)
        self.assertEqual(seen, [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")])

    async def test_dynamic(self):
        """The dynamic client finds kinds by discovery, and applies on the server's side."""
        dynamic_client = await dynamic.DynamicClient(self.api)
        config_maps = await dynamic_client.resources.get(api_version="v1", kind="ConfigMap")
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"key": "1"}}
        apply = lambda: config_maps.server_side_apply(body, namespace=self.namespace, field_manager="aio")
        applied = await apply()
        self.assertEqual(applied.metadata.managedFields[0].operation, "Apply")
        again = await apply()
        self.assertEqual(again.metadata.resourceVersion, applied.metadata.resourceVersion)


class Pods(InNamespace):
    async def test_exec_and_logs(self):
        """Programs are run over a WebSocket with input and output, and logs are followed line by line."""
        async with WsApiClient() as api:
            core = client.CoreV1Api(api)
            command = ["sh", "-c", "echo out; echo err >&2; exit 3"]
            options = {"command": command, "stdin": False, "stdout": True, "stderr": True, "tty": False}
            said = await core.connect_get_namespaced_pod_exec("shell", "default", **options)
            self.assertEqual(sorted(said.split()), ["err", "out"])
            options = {"command": ["cat"], "stdin": True, "stdout": True, "stderr": True, "tty": False}
            socket = await core.connect_get_namespaced_pod_exec("shell", "default", _preload_content=False, **options)
            async with socket as connection:
                await connection.send_bytes(b"\x00to and fro\n")
                message = await asyncio.wait_for(connection.receive_bytes(), 30)
                while message[1:] == b"":
                    message = await asyncio.wait_for(connection.receive_bytes(), 30)
                self.assertEqual(message, b"\x01to and fro\n")
        response = await self.core.read_namespaced_pod_log("shell", "default", follow=True, _preload_content=False)
        self.assertEqual(await asyncio.wait_for(response.content.readline(), 30), b"started\n")
        response.close()
