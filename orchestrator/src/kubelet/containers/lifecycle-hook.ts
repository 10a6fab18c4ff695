import { messageOf } from '@berth/kit';
import type { Container, LifecycleHandler } from '@berth/kube';
import type { NodeContext } from '../node-context.ts';
import { probeHttp } from '../probes/http-probe.ts';
import { portNumber, probeTcp } from '../probes/run-probe.ts';

export interface HookTarget {
  readonly container: Pick<Container, 'name' | 'ports'>;
  readonly containerId: string;
  readonly podIp: string;
  /** `name_namespace(uid)` */
  readonly pod: string;
}

/** Runs a postStart or preStop handler (kubelet/lifecycle/handlers.go). @throws Error – it failed; the message says how. */
export async function runHook(
  { options }: NodeContext,
  handler: LifecycleHandler,
  target: HookTarget,
  signal: AbortSignal,
): Promise<void> {
  const { name } = target.container;
  if (handler.exec) {
    const cmd = handler.exec.command ?? [];
    const where = `Exec lifecycle hook ([${cmd.join(' ')}]) for Container "${name}" in Pod "${target.pod}" failed`;
    const answer = await options.runtime.runtime
      .ExecSync({ containerId: target.containerId, cmd, timeout: '0' }, { signal })
      .catch((error: unknown) => {
        throw new Error(`${where} - error: ${messageOf(error)}, message: ""`);
      });
    if (answer.exitCode === 0) return;
    const output = Buffer.concat([answer.stdout, answer.stderr]).toString();
    const error = `command '${cmd.join(' ')}' exited with ${answer.exitCode}: ${output}`;
    throw new Error(`${where} - error: ${error}, message: ${JSON.stringify(output)}`);
  }
  if (handler.httpGet) {
    const { host, port, path = '/', scheme = 'HTTP', httpHeaders = [] } = handler.httpGet;
    const address = host || target.podIp;
    const authority = address.includes(':') ? `[${address}]` : address;
    const base = `${scheme.toLowerCase()}://${authority}:${portNumber(port, { name, ports: target.container.ports ?? [] })}`;
    const headers = Object.fromEntries(httpHeaders.map((header) => [header.name, header.value]));
    const answer = await probeHttp({ url: new URL(path, base), headers }, signal);
    // Any answer will do; only a failed request is an error (handlers.go runHTTPHandler).
    if (answer.result === 'failure' && answer.output.startsWith('Get ')) {
      throw new Error(
        `HTTP lifecycle hook (${path}) for Container "${name}" in Pod "${target.pod}" failed - error: ${answer.output}`,
      );
    }
    return;
  }
  if (handler.tcpSocket) {
    const { host, port } = handler.tcpSocket;
    const answer = await probeTcp(
      host || target.podIp,
      portNumber(port, { name, ports: target.container.ports ?? [] }),
      signal,
    );
    if (answer.result === 'failure') throw new Error(answer.output);
    return;
  }
  if (handler.sleep) await options.clock.sleep(handler.sleep.seconds * 1000, signal);
}
