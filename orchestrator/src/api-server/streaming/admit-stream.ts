import { askedOf } from '../admission/asked.ts';
import { portsOf } from '../query-values.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { ServerRequest } from '../server-request.ts';
import type { StreamingTarget } from './serve-upgrade.ts';

const kinds = { exec: 'PodExecOptions', attach: 'PodAttachOptions', portforward: 'PodPortForwardOptions' } as const;

/** Admission of a stream, with what it is asked with as the object (upstream's operation CONNECT). @throws ApiError */
export function admitStream(
  context: ServerContext,
  about: Connection,
  subresource: StreamingTarget['subresource'],
): Promise<void> {
  return admitConnect(context, about, optionsOf(subresource, about.request.query));
}

interface Connection {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
}

/** Admission of what connects to something, by the options it comes with. @throws ApiError */
export async function admitConnect(
  context: ServerContext,
  { route, request }: Connection,
  options: object,
): Promise<void> {
  const { definition, namespace, name, subresource } = route;
  const admission = {
    operation: 'connect',
    definition,
    subresource: subresource?.name ?? '',
    namespace,
    name,
    object: options as AnyObject,
    old: undefined,
    user: request.user,
    dryRun: false,
    warn: request.warn,
    ...askedOf(request, () => ({})),
  } as const;
  await context.admission.mutate(admission);
  await context.admission.validate(admission);
}

function optionsOf(subresource: StreamingTarget['subresource'], query: URLSearchParams): AnyObject {
  const options = { kind: kinds[subresource], apiVersion: 'v1' } as AnyObject;
  if (subresource === 'portforward') {
    const ports = portsOf(query);
    return ports.length > 0 ? { ...options, ports } : options;
  }
  for (const flag of ['stdin', 'stdout', 'stderr', 'tty'])
    if (/^(1|t|true)$/i.test(query.get(flag) ?? '')) options[flag] = true;
  const container = query.get('container');
  if (container) options['container'] = container;
  const command = query.getAll('command');
  if (subresource === 'exec' && command.length > 0) options['command'] = command;
  return options;
}
