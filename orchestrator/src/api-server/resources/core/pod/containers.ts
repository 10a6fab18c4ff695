import {
  type Container,
  type ContainerPort,
  type ContainerRestartRule,
  type EphemeralContainer,
  type PodSpec,
  type Volume,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, forbidden, invalid, notFound, notSupported, required, tooMany } from '../../field.ts';
import { dns1123Label, portName, portNumber } from '../../names.ts';
import { validateEnvironment } from './env.ts';
import { validateLifecycle, validateProbes } from './handlers.ts';
import { imageBlanks } from './image-blanks.ts';
import { validateMounts } from './mounts.ts';
import { validateResources } from './resource-requirements.ts';
import { validateSecurityContext } from './security.ts';

export interface ContainerContext {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claimNames: ReadonlySet<string>;
}

/** The main containers: at least one, each with its own name (validateContainers). */
export function validateContainers(context: ContainerContext, field: string): FieldError[] {
  const { containers = [], terminationGracePeriodSeconds: grace, os } = context.spec;
  if (containers.length === 0) return [required(field)];
  const names = new Set<string>();
  const errors = containers.flatMap((container, index) => {
    const path = `${field}[${index}]`;
    const repeated = names.has(container.name);
    names.add(container.name);
    return [
      ...validateContainer(container, context, path),
      ...(repeated ? [duplicate(`${path}.name`, container.name)] : []),
      ...validateLifecycle(container.lifecycle, grace, `${path}.lifecycle`, os?.name),
      ...validateProbes(container, grace, path),
      ...restartPolicyErrors(container, path),
    ];
  });
  return [...errors, ...hostPortConflicts(containers, field)];
}

/** Init containers; those with restartPolicy Always (sidecars) may have probes and hooks, others not (validateInitContainers). */
export function validateInitContainers(context: ContainerContext, field: string): FieldError[] {
  const { initContainers = [], containers = [], terminationGracePeriodSeconds: grace, os } = context.spec;
  const names = new Set(containers.map(({ name }) => name));
  return initContainers.flatMap((container, index) => {
    const path = `${field}[${index}]`;
    const repeated = names.has(container.name);
    if (container.name) names.add(container.name);
    const sidecar = container.restartPolicy === 'Always';
    return [
      ...validateContainer(container, context, path),
      ...initRestartErrors(container, path),
      ...(repeated ? [duplicate(`${path}.name`, container.name)] : []),
      ...hostPortConflicts([container], field),
      ...(sidecar
        ? [
            ...validateLifecycle(container.lifecycle, grace, `${path}.lifecycle`, os?.name),
            ...validateProbes(container, grace, path),
          ]
        : onlyForSidecars(container, path)),
    ];
  });
}

function onlyForSidecars(container: Container, path: string): FieldError[] {
  const text = 'may not be set for init containers without restartPolicy=Always';
  return (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((name) =>
    container[name] ? [forbidden(`${path}.${name}`, text)] : [],
  );
}

const forbiddenForEphemeral = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const;

export function validateEphemeralContainers(context: ContainerContext, field: string): FieldError[] {
  const { ephemeralContainers = [], containers = [], initContainers = [] } = context.spec;
  const others = new Set([...containers, ...initContainers].map(({ name }) => name));
  const names = new Set(others);
  return ephemeralContainers.flatMap((container, index) => {
    const path = `${field}[${index}]`;
    const repeated = names.has(container.name);
    names.add(container.name);
    const target = container.targetContainerName;
    return [
      ...validateContainer(container as Container, context, path),
      ...imageBlanks(container.image ?? '', `${path}.image`),
      ...(repeated ? [duplicate(`${path}.name`, container.name)] : []),
      ...(target && !others.has(target) ? [notFound(`${path}.targetContainerName`, target)] : []),
      ...ephemeralErrors(container, path),
    ];
  });
}

function ephemeralErrors(container: EphemeralContainer, path: string): FieldError[] {
  const text = 'cannot be set for an Ephemeral Container';
  // A probe, a lifecycle or a list is there even where nothing is in it.
  const isSent = (holder: object, name: string) => (withSentEmpty(holder, name) ?? undefined) !== undefined;
  const { resources = {} } = container;
  const isSet = (name: (typeof forbiddenForEphemeral)[number]) =>
    name === 'resources'
      ? ['limits', 'requests', 'claims'].some((each) => isSent(resources, each))
      : isSent(container, name);
  const set = forbiddenForEphemeral.filter(isSet);
  return [
    ...set.map((name) => forbidden(`${path}.${name}`, text)),
    ...(container.volumeMounts ?? []).flatMap((mount, index) => [
      ...(mount.subPath ? [forbidden(`${path}.volumeMounts[${index}].subPath`, text)] : []),
      ...(mount.subPathExpr ? [forbidden(`${path}.volumeMounts[${index}].subPathExpr`, text)] : []),
    ]),
  ];
}

/** What holds for containers of every sort (validateContainerCommon). */
function validateContainer(
  container: Container,
  { spec, volumes, claimNames }: ContainerContext,
  path: string,
): FieldError[] {
  return [
    ...(container.name
      ? dns1123Label(container.name).map((text) => invalid(`${path}.name`, container.name, text))
      : [required(`${path}.name`)]),
    ...(container.image ? [] : [required(`${path}.image`)]),
    ...oneOf(container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError'], `${path}.terminationMessagePolicy`),
    ...portErrors(container.ports ?? [], `${path}.ports`),
    ...validateEnvironment(container, path),
    ...validateMounts(container, volumes, path),
    ...oneOf(container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'], `${path}.imagePullPolicy`),
    ...validateResources(container.resources, `${path}.resources`, { claimNames }),
    ...resizePolicyErrors(container, spec, `${path}.resizePolicy`),
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`, spec.hostUsers !== false),
  ];
}

function anyOf(value: string, supported: readonly string[], field: string): FieldError[] {
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  return value ? anyOf(value, supported, field) : [required(field)];
}

function portErrors(ports: readonly ContainerPort[], list: string): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const field = `${list}[${index}]`;
    const complaints = port.name ? portName(port.name) : [];
    const repeated = port.name && complaints.length === 0 && names.has(port.name);
    if (port.name) names.add(port.name);
    return [
      ...complaints.map((text) => invalid(`${field}.name`, port.name, text)),
      ...(repeated ? [duplicate(`${field}.name`, port.name)] : []),
      ...(port.containerPort
        ? portNumber(port.containerPort).map((text) => invalid(`${field}.containerPort`, port.containerPort, text))
        : [required(`${field}.containerPort`)]),
      ...(port.hostPort
        ? portNumber(port.hostPort).map((text) => invalid(`${field}.hostPort`, port.hostPort, text))
        : []),
      ...oneOf(port.protocol, ['SCTP', 'TCP', 'UDP'], `${field}.protocol`),
    ];
  });
}

function hostPortConflicts(containers: readonly Container[], field: string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ protocol, hostIP = '', hostPort }, index) => {
      if (!hostPort) return [];
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) return [duplicate(`${field}[${container}].ports[${index}].hostPort`, key)];
      taken.add(key);
      return [];
    }),
  );
}

function resizePolicyErrors({ resizePolicy = [] }: Container, spec: PodSpec, field: string): FieldError[] {
  const seen = new Set<string>();
  return resizePolicy.flatMap(({ resourceName, restartPolicy }, index) => {
    const repeated = seen.has(resourceName);
    seen.add(resourceName);
    return [
      ...(repeated ? [duplicate(`${field}[${index}]`, resourceName)] : []),
      ...oneOf(resourceName, ['cpu', 'memory'], field),
      ...oneOf(restartPolicy, ['NotRequired', 'RestartContainer'], field),
      ...(spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired'
        ? [invalid(field, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")]
        : []),
    ];
  });
}

function restartPolicyErrors({ restartPolicy, restartPolicyRules: rules = [] }: Container, path: string): FieldError[] {
  if (restartPolicy === undefined && rules.length === 0) return [];
  const field = `${path}.restartPolicy`;
  const policies = ['Always', 'Never', 'OnFailure'];
  return [
    ...(restartPolicy === undefined
      ? [required(field, 'must specify restartPolicy when restart rules are used')]
      : anyOf(restartPolicy, policies, field)),
    ...(rules.length > 20 ? [tooMany(`${path}.restartPolicyRules`, rules.length, 20)] : []),
    ...rules.flatMap((rule, index) => restartRuleErrors(rule, `${path}.restartPolicyRules[${index}]`)),
  ];
}

/** Rules without a policy are looked at no further where a container comes before the others. */
function initRestartErrors(container: Container, path: string): FieldError[] {
  const errors = restartPolicyErrors(container, path);
  return container.restartPolicy === undefined ? errors.slice(0, 1) : errors;
}

function restartRuleErrors({ action = '', exitCodes }: Partial<ContainerRestartRule>, field: string): FieldError[] {
  const codes = `${field}.exitCodes`;
  const count = exitCodes?.values?.length ?? 0;
  return [
    ...anyOf(action, ['Restart', 'RestartAllContainers'], `${field}.action`),
    ...(exitCodes
      ? anyOf(exitCodes.operator ?? '', ['In', 'NotIn'], `${codes}.operator`)
      : [required(codes, 'must be specified')]),
    ...(count > 255 ? [tooMany(`${codes}.values`, count, 255)] : []),
  ];
}
