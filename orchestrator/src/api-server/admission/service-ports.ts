import type { ServicePort, ServiceSpec } from '@berth/kube';
import { type ApiError, apiError } from '@berth/kube';
import { invalid } from '../invalid.ts';
import { allocatesNodePorts, hasNodePorts } from '../resources/core/service-allocation.ts';
import { isHealthChecked } from '../resources/core/service-validation.ts';
import { invalid as wrongField } from '../resources/field.ts';
import type { AdmissionRequest } from './admission.ts';

export interface PortRange {
  readonly first: number;
  readonly count: number;
}

/** Gives node ports to one request. */
export interface PortGiver {
  readonly range: PortRange;
  /** Of what is only tried upstream does not look at the range. */
  readonly dryRun: boolean;
  /** One was asked for that is not in the range. */
  outside(): void;
  /** False: another has it, or this request. */
  take(port: number): Promise<boolean>;
  /** Undefined: none is free. */
  takeAny(): Promise<number | undefined>;
}

interface Asking {
  readonly request: Pick<AdmissionRequest, 'definition' | 'name'>;
  readonly spec: ServiceSpec;
  readonly old: ServiceSpec | undefined;
  readonly giver: PortGiver;
}

/** Fills in a service's node ports and its health check's, in place (Allocators.txnAllocNodePorts, txnUpdateNodePorts). @throws ApiError */
export async function givePorts(asking: Asking): Promise<void> {
  const { spec, old } = asking;
  if (hasNodePorts(spec)) await (old ? changePorts(asking, old) : newPorts(asking));
  if (isHealthChecked(spec) && !(old && isHealthChecked(old))) await giveHealthPort(asking);
}

/** Ports of one number, for several protocols, share a node port. */
async function newPorts(asking: Asking): Promise<void> {
  const { ports = [] } = asking.spec;
  const given = new Map<number, number>();
  for (const [index, port] of ports.entries()) {
    if (!port.nodePort && !allocatesNodePorts(asking.spec)) continue;
    const shared = given.get(port.port);
    if (shared === undefined) {
      const named = ports.find((each) => each.port === port.port && each.nodePort)?.nodePort;
      port.nodePort = named ? await thisPort(asking, index, named) : await anyPort(asking);
      given.set(port.port, port.nodePort);
    } else if (!port.nodePort) port.nodePort = shared;
    else if (port.nodePort !== shared) await thisPort(asking, index, port.nodePort);
  }
}

async function changePorts(asking: Asking, old: ServiceSpec): Promise<void> {
  const own = new Set(nodePortsOf(old));
  const given = new Set<string>();
  for (const [index, port] of (asking.spec.ports ?? []).entries()) {
    if (!port.nodePort && !allocatesNodePorts(asking.spec)) continue;
    if (!port.nodePort) port.nodePort = await anyPort(asking);
    else if (!own.has(port.nodePort)) {
      await thisPort(asking, index, port.nodePort);
      own.add(port.nodePort);
    }
    const text = `{${port.protocol} ${port.nodePort}}`;
    if (given.has(text)) throw apiError('Unknown', `duplicate nodePort: ${text}`, { code: 500 });
    given.add(text);
  }
}

async function giveHealthPort({ spec, giver }: Asking): Promise<void> {
  const { healthCheckNodePort: asked } = spec;
  const why = asked ? await refusalOf(giver, asked) : undefined;
  if (why) throw allocationFailed(`failed to allocate requested HealthCheck NodePort ${asked}: ${why}`);
  if (asked) return;
  const given = await giver.takeAny();
  if (given === undefined) throw allocationFailed('failed to allocate a HealthCheck NodePort 0: range is full');
  spec.healthCheckNodePort = given;
}

async function thisPort({ request, giver }: Asking, index: number, port: number): Promise<number> {
  const why = await refusalOf(giver, port);
  if (why === undefined) return port;
  throw invalid(request.definition, request.name, [wrongField(`spec.ports[${index}].nodePort`, port, why)]);
}

async function anyPort({ giver }: Asking): Promise<number> {
  const port = await giver.takeAny();
  if (port === undefined) throw allocationFailed('failed to allocate a nodePort: range is full');
  return port;
}

async function refusalOf(giver: PortGiver, port: number): Promise<string | undefined> {
  const { first, count } = giver.range;
  if (!giver.dryRun && (port < first || port >= first + count)) {
    giver.outside();
    return `provided port is not in the valid range. The range of valid ports is ${first}-${first + count - 1}`;
  }
  return (await giver.take(port)) ? undefined : 'provided port is already allocated';
}

/** What upstream answers where there is nothing to give. */
export function allocationFailed(why: string): ApiError {
  return apiError('InternalError', `Internal error occurred: ${why}`, { details: { causes: [{ message: why }] } });
}

/** Those of its ports; its health check's is another. */
export function nodePortsOf({ ports = [] }: { readonly ports?: readonly ServicePort[] }): readonly number[] {
  return ports.flatMap(({ nodePort }) => (nodePort ? [nodePort] : []));
}
