import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../../field.ts';
import { nonNegative } from '../../metadata.ts';
import { httpHeaderName, portName, portNumber } from '../../names.ts';

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;
type ProbeName = 'livenessProbe' | 'readinessProbe' | 'startupProbe';

/** All probes of a container; only readiness may need several successes, only the others may shorten termination. */
export function validateProbes(
  container: Partial<Record<ProbeName, Probe>>,
  grace: number | undefined,
  path: string,
): FieldError[] {
  return (['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((name) => {
    const probe = container[name];
    if (!probe) return [];
    const field = `${path}.${name}`;
    return [...validateProbe(probe, grace, field), ...probeKindErrors(name, probe, field)];
  });
}

function probeKindErrors(name: ProbeName, probe: Probe, field: string): FieldError[] {
  if (name !== 'readinessProbe')
    return probe.successThreshold === 1
      ? []
      : [invalid(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1')];
  const seconds = probe.terminationGracePeriodSeconds;
  if (seconds === undefined) return [];
  return [invalid(`${field}.terminationGracePeriodSeconds`, seconds, 'must not be set for readinessProbes')];
}

function validateProbe(probe: Probe, grace: number | undefined, field: string): FieldError[] {
  const seconds = probe.terminationGracePeriodSeconds;
  return [
    ...validateHandler(probe, grace, field),
    ...nonNegative(probe.initialDelaySeconds ?? 0, `${field}.initialDelaySeconds`),
    ...nonNegative(probe.timeoutSeconds ?? 0, `${field}.timeoutSeconds`),
    ...nonNegative(probe.periodSeconds ?? 0, `${field}.periodSeconds`),
    ...nonNegative(probe.successThreshold ?? 0, `${field}.successThreshold`),
    ...nonNegative(probe.failureThreshold ?? 0, `${field}.failureThreshold`),
    ...(seconds !== undefined && seconds <= 0
      ? [invalid(`${field}.terminationGracePeriodSeconds`, seconds, 'must be greater than 0')]
      : []),
  ];
}

export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  grace: number | undefined,
  field: string,
  os?: string,
): FieldError[] {
  if (!lifecycle) return [];
  const { postStart, preStop, stopSignal } = lifecycle;
  return [
    ...(postStart ? validateHandler(postStart, grace, `${field}.postStart`) : []),
    ...(preStop ? validateHandler(preStop, grace, `${field}.preStop`) : []),
    ...(stopSignal !== undefined && os === undefined
      ? [forbidden(`${field}.stopSignal`, 'may not be set for containers with empty `spec.os.name`')]
      : []),
  ];
}

/** Exactly one handler; a second is forbidden where it stands. */
function validateHandler(handler: Handler, grace: number | undefined, field: string): FieldError[] {
  const checks: readonly (readonly [keyof Handler, () => FieldError[]])[] = [
    ['exec', () => ((handler.exec?.command ?? []).length > 0 ? [] : [required(`${field}.exec.command`)])],
    ['httpGet', () => validateHttpGet(handler.httpGet as HTTPGetAction, `${field}.httpGet`)],
    ['tcpSocket', () => validatePort(handler.tcpSocket?.port ?? 0, `${field}.tcpSocket.port`)],
    ['grpc', () => validatePort(handler.grpc?.port ?? 0, `${field}.grpc.port`)],
    ['sleep', () => sleepErrors(handler.sleep?.seconds ?? 0, grace, `${field}.sleep`)],
  ];
  const present = checks.filter(([name]) => handler[name] !== undefined);
  if (present.length === 0) return [required(field, 'must specify a handler type')];
  return present.flatMap(([name, check], index) =>
    index === 0 ? check() : [forbidden(`${field}.${name}`, 'may not specify more than 1 handler type')],
  );
}

function validateHttpGet(action: HTTPGetAction, field: string): FieldError[] {
  return [
    ...(action.path ? [] : [required(`${field}.path`)]),
    ...validatePort(action.port, `${field}.port`),
    ...(action.scheme === 'HTTP' || action.scheme === 'HTTPS'
      ? []
      : [notSupported(`${field}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS'])]),
    ...(action.httpHeaders ?? []).flatMap(({ name }) =>
      httpHeaderName(name).map((text) => invalid(`${field}.httpHeaders`, name, text)),
    ),
  ];
}

export function validatePort(port: number | string, field: string): FieldError[] {
  const complaints = typeof port === 'number' ? portNumber(port) : portName(port);
  return complaints.map((text) => invalid(field, port, text));
}

function sleepErrors(seconds: number, grace: number | undefined, field: string): FieldError[] {
  if (grace === undefined || (seconds >= 0 && seconds <= grace)) return [];
  return [invalid(field, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${grace})`)];
}
