import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Status } from '@berth/kube';
import type { ContainerRef, NodeApi } from '../../node-api.ts';
import { exitStatus, failureStatus } from './remote-status.ts';
import type { RemoteStreams } from './remote-streams.ts';

export interface RemoteCommand {
  readonly node: NodeApi;
  readonly target: ContainerRef;
  /** Absent: attach to what runs already. */
  readonly command?: readonly string[];
  readonly tty: boolean;
}

/** Runs the command with the client's streams, then tells the client how it ended. */
export async function runRemoteCommand(
  { node, target, command, tty }: RemoteCommand,
  remote: RemoteStreams,
  signal: AbortSignal,
): Promise<void> {
  const { finish, ...ends } = remote;
  const streams = { ...ends, tty };
  let status: Status;
  try {
    if (command) status = exitStatus(await node.exec(target, command, streams, signal));
    else {
      await node.attach(target, streams, signal);
      status = exitStatus(0);
    }
  } catch (error) {
    status = failureStatus(error, command ? 'error executing command in container' : 'error attaching to container');
  }
  if (signal.aborted) return;
  await Promise.all([drain(remote.stdout), drain(remote.stderr)]);
  await finish(status);
}

/** The end comes after the last byte of output. */
async function drain(stream: Writable | undefined): Promise<void> {
  if (!stream || stream.destroyed) return;
  if (!stream.writableEnded) stream.end();
  await finished(stream, { readable: false }).catch(() => undefined);
}
