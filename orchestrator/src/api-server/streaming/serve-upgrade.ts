import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '@berth/kit';
import { apiError } from '@berth/kube';
import { createWebSocketStream } from 'ws';
import type { NodeApi, StreamTarget } from '../../node-api.ts';
import { acceptSpdy, acceptWebSocket, type UpgradeSocket } from './accept-websocket.ts';
import { forwardChannels, forwardProtocols, wantedPorts } from './forward-channels.ts';
import { PortForwarder } from './port-forward.ts';
import type { WantedStreams } from './remote-streams.ts';
import { type RemoteCommand, runRemoteCommand } from './run-remote-command.ts';
import { SpdyConnection } from './spdy/spdy-connection.ts';
import type { SpdyStream } from './spdy/spdy-stream.ts';
import { SpdyRemoteCommand } from './spdy-remote-command.ts';
import { negotiate, offered, spdyUpgrade, upgradeKind } from './streaming-protocol.ts';
import { wantedStreams } from './wanted-streams.ts';
import { commandProtocols, websocketStreams } from './websocket-channels.ts';

/** What a request to a pod's exec, attach or portforward is about; already authorized, its pod known to exist. */
export type StreamingTarget = StreamTarget;

export interface UpgradeRequest extends UpgradeSocket {
  readonly target: StreamingTarget;
  readonly node: NodeApi;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

const spdyProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
const portForwardProtocol = 'portforward.k8s.io';

/**
 * Serves kubectl exec, attach, cp and port-forward on an upgraded connection, until it ends.
 * @throws ApiError – before anything was written: not an upgrade, or nothing to connect; the caller answers it
 */
export async function serveUpgrade(upgrade: UpgradeRequest): Promise<void> {
  const kind = upgradeKind(upgrade.request.headers);
  using gone = closedSignal(upgrade.socket, upgrade.signal);
  const open = { ...upgrade, signal: gone.signal };
  upgrade.socket.on('error', () => undefined);
  // A long-lived connection has times without traffic.
  (upgrade.socket as Duplex & { setTimeout?: (ms: number) => void }).setTimeout?.(0);
  // Awaited here: until then the connection's end must be seen.
  if (upgrade.target.subresource === 'portforward') return await servePortForward(open, kind);
  const command = remoteCommand(open);
  const wanted = wantedStreams(open.target.query);
  if (kind === 'websocket') return await serveWebSocket(open, command, wanted);
  return await serveSpdy(open, command, wanted);
}

/** Aborts when the client leaves or the server stops. */
function closedSignal(socket: Duplex, parent: AbortSignal): { signal: AbortSignal } & Disposable {
  const closed = new AbortController();
  const onClose = () => closed.abort();
  const onAbort = () => socket.destroy();
  socket.once('close', onClose);
  parent.addEventListener('abort', onAbort, { once: true });
  if (parent.aborted) onAbort();
  return {
    signal: AbortSignal.any([closed.signal, parent]),
    [Symbol.dispose]: () => {
      socket.off('close', onClose);
      parent.removeEventListener('abort', onAbort);
    },
  };
}

function remoteCommand({ target, node }: UpgradeRequest): RemoteCommand {
  const { namespace, pod, container, query, subresource } = target;
  const base = { node, target: { namespace, pod, container }, tty: wantedStreams(query).tty };
  if (subresource === 'attach') return base;
  const command = query.getAll('command');
  if (command.length === 0) throw apiError('BadRequest', 'you must specify at least one command for exec');
  return { ...base, command };
}

async function serveWebSocket(upgrade: UpgradeRequest, command: RemoteCommand, wanted: WantedStreams): Promise<void> {
  const client = offered(upgrade.request.headers, 'sec-websocket-protocol');
  const protocol = client.length === 0 ? '' : negotiate(client, commandProtocols);
  const socket = await acceptWebSocket(upgrade, protocol);
  await runRemoteCommand(command, websocketStreams(socket, wanted, protocol), upgrade.signal);
}

async function serveSpdy(upgrade: UpgradeRequest, command: RemoteCommand, wanted: WantedStreams): Promise<void> {
  const { request, socket, head, signal, clock = systemClock } = upgrade;
  const client = offered(request.headers, 'x-stream-protocol-version');
  const protocol = client.length === 0 ? 'channel.k8s.io' : negotiate(client, spdyProtocols);
  acceptSpdy(socket, protocol);
  const collected = new SpdyRemoteCommand(wanted, protocol);
  const connection = new SpdyConnection(socket, (stream) => collected.add(stream));
  const serving = connection.serve(head);
  try {
    await runRemoteCommand(command, await collected.streams(connection, clock, signal), signal);
  } catch {
    // The client opened too little, or left: nobody is there to be told.
    connection[Symbol.dispose]();
  }
  await serving;
}

async function servePortForward(upgrade: UpgradeRequest, kind: 'websocket' | 'spdy'): Promise<void> {
  const { request, socket, head, target, node, signal } = upgrade;
  const { namespace, pod, uid } = target;
  const forwarder = new PortForwarder({ node, namespace, pod, uid }, signal);
  const onStream = (stream: SpdyStream) => forwarder.add(stream);
  if (kind === 'spdy') {
    const client = offered(request.headers, 'x-stream-protocol-version');
    acceptSpdy(socket, client.length === 0 ? portForwardProtocol : negotiate(client, [portForwardProtocol]));
    return new SpdyConnection(socket, onStream).serve(head);
  }
  const tunnel = `${spdyUpgrade}+${portForwardProtocol}`;
  const client = offered(request.headers, 'sec-websocket-protocol');
  const protocol = client.length === 0 ? '' : negotiate(client, [tunnel, ...forwardProtocols]);
  const ports = protocol === tunnel ? [] : wantedPorts(target.query);
  const accepted = await acceptWebSocket(upgrade, protocol);
  if (protocol !== tunnel) return await forwardChannels(accepted, { ports, protocol, forwarder });
  return new SpdyConnection(createWebSocketStream(accepted), onStream).serve();
}
