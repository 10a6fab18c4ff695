"""What programs do with the `kubernetes` package, against the server that KUBECONFIG names."""

import base64
import datetime
import threading
import time
import unittest

import yaml
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.stream import portforward, stream

config.load_kube_config()
core = client.CoreV1Api()


def eventually(check, seconds=30):
    """Waits until there is an answer that is not false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = check()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError("did not come about")


class InNamespace(unittest.TestCase):
    """Each test has a namespace of its own."""

    def setUp(self):
        self.namespace = "py-" + self._testMethodName.replace("_", "-")
        core.create_namespace({"metadata": {"name": self.namespace}})
        self.addCleanup(core.delete_namespace, self.namespace)

    def config_map(self, name, color="red", **data):
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels={"color": color}), data=data)
        return core.create_namespaced_config_map(self.namespace, body)

    def fails(self, status, reason, call, *args, **options):
        with self.assertRaises(ApiException) as raised:
            call(*args, **options)
        self.assertEqual(raised.exception.status, status)
        body = yaml.safe_load(raised.exception.body)
        self.assertEqual((body["kind"], body["reason"], body["code"]), ("Status", reason, status))
        return body


class TypedClient(InNamespace):
    def test_objects(self):
        """The typed client creates, reads, replaces, patches and deletes, and its models take all that is answered."""
        made = self.config_map("one", key="value")
        self.assertIsInstance(made.metadata.creation_timestamp, datetime.datetime)
        self.assertEqual(made.metadata.managed_fields[0].manager, "OpenAPI-Generator")
        self.fails(409, "AlreadyExists", self.config_map, "one")
        patched = core.patch_namespaced_config_map("one", self.namespace, {"data": {"more": "x", "key": None}})
        self.assertEqual(patched.data, {"more": "x"})
        operations = [{"op": "add", "path": "/data/listed", "value": "y"}]
        self.assertEqual(core.patch_namespaced_config_map("one", self.namespace, operations).data["listed"], "y")
        body = self.fails(409, "Conflict", core.replace_namespaced_config_map, "one", self.namespace, made)
        self.assertIn("the object has been modified", body["message"])
        current = core.read_namespaced_config_map("one", self.namespace)
        current.binary_data = {"bytes": base64.b64encode(b"\x00\xff").decode()}
        replaced = core.replace_namespaced_config_map("one", self.namespace, current, dry_run="All")
        self.assertEqual(replaced.metadata.resource_version, current.metadata.resource_version)
        options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="other"))
        self.fails(409, "Conflict", core.delete_namespaced_config_map, "one", self.namespace, body=options)
        self.assertEqual(core.delete_namespaced_config_map("one", self.namespace).status, "Success")
        self.fails(404, "NotFound", core.read_namespaced_config_map, "one", self.namespace)

    def test_kinds(self):
        """Lists of every kind that a cluster has are read into their models."""
        lists = [
            core.list_node, core.list_namespace, core.list_persistent_volume, core.list_pod_for_all_namespaces,
            core.list_secret_for_all_namespaces, core.list_service_for_all_namespaces, core.list_event_for_all_namespaces,
            core.list_service_account_for_all_namespaces, core.list_endpoints_for_all_namespaces,
            client.StorageV1Api().list_storage_class, client.StorageV1Api().list_csi_driver, client.StorageV1Api().list_csi_node,
            client.StorageV1Api().list_csi_storage_capacity_for_all_namespaces, client.StorageV1Api().list_volume_attachment,
            client.AppsV1Api().list_stateful_set_for_all_namespaces, client.AppsV1Api().list_deployment_for_all_namespaces,
            client.RbacAuthorizationV1Api().list_cluster_role, client.RbacAuthorizationV1Api().list_role_binding_for_all_namespaces,
            client.SchedulingV1Api().list_priority_class, client.CoordinationV1Api().list_lease_for_all_namespaces,
            client.FlowcontrolApiserverV1Api().list_flow_schema, client.FlowcontrolApiserverV1Api().list_priority_level_configuration,
            client.ApiregistrationV1Api().list_api_service, client.ApiextensionsV1Api().list_custom_resource_definition,
            client.CertificatesV1Api().list_certificate_signing_request, client.NetworkingV1Api().list_ingress_class,
            client.AdmissionregistrationV1Api().list_validating_admission_policy, client.DiscoveryV1Api().list_endpoint_slice_for_all_namespaces,
            client.PolicyV1Api().list_pod_disruption_budget_for_all_namespaces,
            client.BatchV1Api().list_job_for_all_namespaces, client.AutoscalingV2Api().list_horizontal_pod_autoscaler_for_all_namespaces,
        ]
        for each in lists:
            with self.subTest(each.__name__):
                self.assertTrue(each().metadata.resource_version)
        self.assertTrue(client.RbacAuthorizationV1Api().list_cluster_role(limit=5).metadata._continue)
        self.assertRegex(client.VersionApi().get_code().git_version, r"^v1\.36\.")
        self.assertIn("apps", [group.name for group in client.ApisApi().get_api_versions().groups])

    def test_pages(self):
        """A list comes in pages, each where the last one ended."""
        for number in range(5):
            self.config_map(f"m-{number}")
        names, token, pages = [], None, 0
        while pages == 0 or token:
            page = core.list_namespaced_config_map(self.namespace, label_selector="color=red", limit=2, _continue=token)
            names += [item.metadata.name for item in page.items]
            token, pages = page.metadata._continue, pages + 1
            if pages == 1:
                self.config_map("m-late")
        self.assertEqual((names, pages), ([f"m-{number}" for number in range(5)], 3))

    def test_watch(self):
        """A watch shows what is there and what changes, and goes on after the server has ended it."""
        self.config_map("a")
        seen, watcher = [], watch.Watch()

        def follow():
            for event in watcher.stream(core.list_namespaced_config_map, self.namespace, label_selector="color=red", timeout_seconds=1):
                seen.append((event["type"], event["object"].metadata.name))

        def follow_on():
            while not done.is_set():
                follow()

        done = threading.Event()
        thread = threading.Thread(target=follow_on)
        thread.start()
        eventually(lambda: seen == [("ADDED", "a")])
        # Past its end, which is after a second.
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 1.2)
        self.config_map("b")
        core.patch_namespaced_config_map("a", self.namespace, {"metadata": {"labels": {"color": "blue"}}})
        wanted = [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]
        try:
            eventually(lambda: [event for i, event in enumerate(seen) if event not in seen[:i]] == wanted)
        finally:
            done.set()
            watcher.stop()
            thread.join()

    def test_status_and_scale(self):
        """Status and scale have endpoints of their own."""
        apps, labels = client.AppsV1Api(), {"app": "web"}
        container = client.V1Container(name="c", image="c", ports=[client.V1ContainerPort(container_port=80)])
        body = client.V1Deployment(
            metadata=client.V1ObjectMeta(name="web"),
            spec=client.V1DeploymentSpec(
                replicas=2,
                selector=client.V1LabelSelector(match_labels=labels),
                template=client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])),
            ),
        )
        made = apps.create_namespaced_deployment(self.namespace, body)
        self.assertEqual(made.spec.strategy.rolling_update.max_surge, "25%")
        scaled = apps.patch_namespaced_deployment_scale("web", self.namespace, {"spec": {"replicas": 5}})
        self.assertEqual(scaled.spec.replicas, 5)
        made = apps.patch_namespaced_deployment_status("web", self.namespace, {"status": {"replicas": 5}, "spec": {"replicas": 1}})
        self.assertEqual((made.spec.replicas, made.status.replicas), (5, 5))
        body.spec.template.spec.containers = []
        refused = self.fails(422, "Invalid", apps.replace_namespaced_deployment, "web", self.namespace, body)
        self.assertEqual(refused["details"]["causes"][0]["field"], "spec.template.spec.containers")

    def test_yaml(self):
        """Files of several documents are created, and what is wrong in them is told of each."""
        text = "\n---\n".join(yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}) for name in ["x", "y"])
        made = utils.create_from_yaml(client.ApiClient(), yaml_objects=list(yaml.safe_load_all(text)), namespace=self.namespace)
        self.assertEqual([each.metadata.name for [each] in made], ["x", "y"])
        with self.assertRaises(utils.FailToCreateError) as raised:
            utils.create_from_dict(client.ApiClient(), yaml.safe_load(text.split("---")[0]), namespace=self.namespace)
        self.assertEqual([each.status for each in raised.exception.api_exceptions], [409])


DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "snakes.python.berth.test"},
    "spec": {
        "group": "python.berth.test",
        "scope": "Namespaced",
        "names": {"plural": "snakes", "kind": "Snake"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"length": {"type": "integer", "minimum": 1}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


class OtherClients(InNamespace):
    def define(self):
        definitions = client.ApiextensionsV1Api()
        definitions.create_custom_resource_definition(DEFINITION)
        name = DEFINITION["metadata"]["name"]
        self.addCleanup(definitions.delete_custom_resource_definition, name)

        def is_established():
            conditions = definitions.read_custom_resource_definition(name).status.conditions or []
            return any(each.type == "Established" and each.status == "True" for each in conditions)

        eventually(is_established)

    def test_dynamic(self):
        """The dynamic client discovers kinds, new ones too, and applies, watches and deletes their objects."""
        found = dynamic.DynamicClient(client.ApiClient())
        self.assertEqual(found.resources.get(api_version="v1", kind="ConfigMap").name, "configmaps")
        self.define()
        found.resources.invalidate_cache()
        snakes = found.resources.get(api_version="python.berth.test/v1", kind="Snake")
        body = {"apiVersion": "python.berth.test/v1", "kind": "Snake", "metadata": {"name": "kaa"}, "spec": {"length": 9}}
        apply = lambda manager, **options: snakes.server_side_apply(body=body, name="kaa", namespace=self.namespace, field_manager=manager, **options)
        self.assertEqual(apply("one").spec.length, 9)
        body["spec"]["length"] = 10
        with self.assertRaises(ConflictError) as raised:
            apply("two")
        self.assertIn("spec.length", raised.exception.summary())
        applied = apply("two", force_conflicts=True)
        self.assertEqual(sorted(each.manager for each in applied.metadata.managedFields), ["two"])
        events = snakes.watch(namespace=self.namespace, name="kaa", timeout=10)
        self.assertEqual(next(events)["object"].spec.length, 10)
        snakes.patch(body={"spec": {"length": 11}}, name="kaa", namespace=self.namespace, content_type="application/merge-patch+json")
        self.assertEqual(next(events)["type"], "MODIFIED")
        snakes.status.patch(body={"metadata": {"name": "kaa"}, "status": {"fed": True}}, namespace=self.namespace, content_type="application/merge-patch+json")
        self.assertTrue(snakes.get(name="kaa", namespace=self.namespace).status.fed)
        snakes.delete(name="kaa", namespace=self.namespace)
        with self.assertRaises(NotFoundError):
            snakes.get(name="kaa", namespace=self.namespace)

        custom = client.CustomObjectsApi()
        place = ("python.berth.test", "v1", self.namespace, "snakes")
        refused = self.fails(422, "Invalid", custom.create_namespaced_custom_object, *place, {**body, "spec": {"length": 0}})
        self.assertIn("spec.length in body should be greater than or equal to 1", refused["message"])
        custom.create_namespaced_custom_object(*place, body)
        self.assertEqual(len(custom.list_namespaced_custom_object(*place)["items"]), 1)
        custom.delete_collection_namespaced_custom_object(*place)
        self.assertEqual(custom.list_namespaced_custom_object(*place)["items"], [])

    def test_tokens(self):
        """A service account's token makes a client that may do what roles say."""
        core.create_namespaced_service_account(self.namespace, {"metadata": {"name": "robot"}})
        request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
        token = core.create_namespaced_service_account_token("robot", self.namespace, request).status.token
        settings = client.Configuration.get_default_copy()
        settings.cert_file = settings.key_file = None
        settings.api_key = {"authorization": "Bearer " + token, "BearerToken": "Bearer " + token}
        robot = client.CoreV1Api(client.ApiClient(settings))
        self.fails(403, "Forbidden", robot.list_namespaced_secret, self.namespace)
        rules = client.RbacAuthorizationV1Api()
        rules.create_namespaced_role(self.namespace, {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]})
        subject = {"kind": "ServiceAccount", "name": "robot", "namespace": self.namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
        rules.create_namespaced_role_binding(self.namespace, {"metadata": {"name": "b"}, "subjects": [subject], "roleRef": reference})

        def may():
            try:
                return robot.list_namespaced_secret(self.namespace).kind == "SecretList"
            except ApiException as error:
                self.assertEqual(error.status, 403)

        eventually(may)


class Streams(unittest.TestCase):
    """In the pod that runs for all clients."""

    def test_exec(self):
        """Programs run in a container, with their output apart, their input and their exit code."""
        place = {"name": "shell", "namespace": "default", "stderr": True, "stdin": True, "stdout": True, "tty": False}
        run = stream(core.connect_get_namespaced_pod_exec, command=["sh", "-c", "cat; echo bad >&2; exit 3"], _preload_content=False, **place)
        run.write_stdin("hello\n")
        out = eventually(lambda: run.read_stdout(timeout=1))
        run.close()
        self.assertEqual(out, "hello\n")
        said = stream(core.connect_get_namespaced_pod_exec, command=["echo", "whole"], **{**place, "stdin": False})
        self.assertEqual(said, "whole\n")
        place["stdin"] = False
        failed = stream(core.connect_get_namespaced_pod_exec, command=["sh", "-c", "echo bad >&2; exit 3"], _preload_content=False, **place)
        failed.run_forever(timeout=30)
        self.assertEqual((failed.read_stderr(), failed.returncode), ("bad\n", 3))

    def test_logs(self):
        """Logs are read as text and followed line by line."""
        self.assertIn("started", core.read_namespaced_pod_log("shell", "default"))
        lines = watch.Watch().stream(core.read_namespaced_pod_log, "shell", "default", tail_lines=1)
        self.assertEqual(next(lines), "started")

    def test_port_forward(self):
        """A port of a pod is reached through the server."""
        forward = portforward(core.connect_get_namespaced_pod_portforward, "shell", "default", ports="80")
        socket = forward.socket(80)
        socket.settimeout(30)
        socket.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
        answer = b""
        while chunk := socket.recv(4096):
            answer += chunk
        self.assertIn(b"served", answer)
        self.assertIsNone(forward.error(80))
