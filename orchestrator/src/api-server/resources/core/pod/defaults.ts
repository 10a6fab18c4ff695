import type { Container, Pod, PodSpec, PodStatus, PodTemplateSpec, Probe, ResourceRequirements } from '@berth/kube';
import { defaultPodResources } from './pod-resources.ts';
import { defaultVolume } from './volume-defaults.ts';

/** What SetDefaults_Pod and the defaults of everything inside fill (kubernetes apis/core/v1/defaults.go). */
export function defaultPod(pod: Pod): void {
  const spec = pod.spec;
  if (pod.status) alignAddresses(pod.status);
  if (!spec) return;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
    requestsFromLimits(container.resources);
  defaultPodResources(spec);
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork) defaultHostPorts(spec);
  defaultPodSpec(spec);
}

/** The one address of old clients is the first of all; where they differ, it is the one that was meant (v1 conversion). */
function alignAddresses(status: PodStatus): void {
  const first = status.podIPs?.[0]?.ip;
  if (status.podIP && status.podIP !== first) status.podIPs = [{ ip: status.podIP }];
  else if (!status.podIP && first) status.podIP = first;
}

/** A template gets the defaults of a spec, but not those that only a pod has. */
export function defaultPodTemplate(template: PodTemplateSpec): void {
  template.spec ??= { containers: [] };
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.restartPolicy ??= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ??= 'default-scheduler';
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container as Container);
}

function requestsFromLimits(resources: ResourceRequirements | undefined): void {
  if (!resources?.limits) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

function defaultHostPorts(spec: PodSpec): void {
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
    for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
}

function defaultContainer(container: Container): void {
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ??= 'v1';
    if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) defaultProbe(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop])
    defaultHttpGet(handler?.httpGet);
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.imagePullPolicy ??= isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe | undefined): void {
  if (!probe) return;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
}

function defaultHttpGet(action: { path?: string; scheme?: string } | undefined): void {
  if (!action) return;
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

/**
 * A reference without tag or digest means `latest`, and so does the tag itself; what can't be parsed means neither
 * (util/parsers ParseImageName, distribution/reference ParseNormalizedNamed).
 */
export function isLatest(image: string): boolean {
  // What looks like a digest is no name.
  if (/^[a-f0-9]{64}$/.test(image)) return false;
  const [, path = '', tag, digest] = reference.exec(withRegistry(image)) ?? [];
  if (path === '' || path.length > longestPath || (digest !== undefined && !digestPattern.test(digest))) return false;
  return (tag ?? (digest === undefined ? 'latest' : '')) === 'latest';
}

/** distribution/reference RepositoryNameTotalLengthMax. */
const longestPath = 255;

const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const registry = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const reference = new RegExp(`^(?:${registry}/)?(${component}(?:/${component})*)(?::(\\w[\\w.-]{0,127}))?(?:@(.+))?$`);
const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;

/** Below `docker.io` where no registry is named, and there below `library` where nothing else is (splitDockerDomain). */
function withRegistry(image: string): string {
  const slash = image.indexOf('/');
  const first = image.slice(0, Math.max(slash, 0));
  const isHub = !/[.:A-Z]|^localhost$/.test(first) || first === 'docker.io' || first === 'index.docker.io';
  if (!isHub) return image;
  const rest = /^(?:index\.)?docker\.io$/.test(first) ? image.slice(slash + 1) : image;
  return `docker.io/${rest.includes('/') ? '' : 'library/'}${rest}`;
}
