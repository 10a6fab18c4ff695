import { createConnection } from 'node:net';
import { type Clock, deadline, messageOf } from '@berth/kit';
import type { Container, IntOrString, Probe } from '@berth/kube';
import type { ContainerRuntime } from '../container-runtime.ts';
import { expandCommand } from '../containers/expand-variables.ts';
import { probeGrpc } from './grpc-probe.ts';
import { dialText, probeHttp } from './http-probe.ts';
import type { ProbeAnswer } from './probe-answer.ts';

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface ProbeTools {
  readonly runtime: ContainerRuntime['runtime'];
  readonly clock: Clock;
  readonly userAgent: string;
}

/** Runs a probe's action once, within its timeout (prober.go runProbe). */
export async function runProbe(probe: Probe, target: ProbeTarget, tools: ProbeTools, signal: AbortSignal) {
  const timeoutSeconds = probe.timeoutSeconds ?? 1;
  using limit = deadline(tools.clock, timeoutSeconds * 1000, signal);
  try {
    // Its time is the runtime's to keep.
    if (probe.exec) return await probeExec(probe.exec.command ?? [], timeoutSeconds, target, { ...tools, signal });
    if (probe.httpGet) {
      const { host, scheme = 'HTTP', path = '/', port, httpHeaders = [] } = probe.httpGet;
      const authority = bracketed(host || target.podIp);
      const url = new URL(`${scheme.toLowerCase()}://${authority}:${portNumber(port, target.container)}`);
      const [pathname = '', query] = path.split(/\?(.*)/s);
      url.pathname = pathname;
      if (query !== undefined) url.search = query;
      const headers = { 'User-Agent': tools.userAgent, Accept: '*/*', ...headersOf(httpHeaders) };
      return await probeHttp({ url, headers }, limit.signal);
    }
    if (probe.tcpSocket) {
      const { host, port } = probe.tcpSocket;
      return await probeTcp(host || target.podIp, portNumber(port, target.container), limit.signal);
    }
    if (probe.grpc) {
      const { port, service = '' } = probe.grpc;
      return await probeGrpc({ address: `${bracketed(target.podIp)}:${port}`, service, timeoutSeconds }, limit.signal);
    }
    return { result: 'unknown', output: `missing probe handler for ${target.container.name}` } as const;
  } catch (error) {
    return { result: 'unknown', output: messageOf(error) } as const;
  }
}

function headersOf(headers: readonly { name: string; value: string }[]): Record<string, string> {
  return Object.fromEntries(headers.map(({ name, value }) => [name, value]));
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** A port by number or by the name it has in the container. @throws Error – no such port. */
export function portNumber(port: IntOrString, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named) || named < 1 || named > 65_535) throw new Error(`invalid port: ${port}`);
  return named;
}

async function probeExec(
  command: readonly string[],
  timeoutSeconds: number,
  target: ProbeTarget,
  { runtime, signal }: ProbeTools & { signal: AbortSignal },
): Promise<ProbeAnswer> {
  const cmd = expandCommand(command, environmentOf(target.container));
  try {
    const answer = await runtime.ExecSync(
      { containerId: target.containerId, cmd, timeout: String(timeoutSeconds) },
      { signal },
    );
    const output = Buffer.concat([answer.stdout, answer.stderr])
      .subarray(0, 10 * 1024)
      .toString();
    return { result: answer.exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    const timedOut = (error as { code?: unknown }).code === 'DEADLINE_EXCEEDED';
    if (!timedOut) return { result: 'unknown', output: messageOf(error) };
    return { result: 'failure', output: `command timed out: "${cmd.join(' ')}" timed out after ${timeoutSeconds}s` };
  }
}

/** Probe commands see the literal values of `env` only (kubecontainer.ExpandContainerCommandOnlyStatic). */
function environmentOf(container: Container): (name: string) => string | undefined {
  return (name) => container.env?.find((variable) => variable.name === name)?.value;
}

export function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ result: 'success', output: '' });
    });
    socket.once('error', (error) => {
      socket.destroy();
      const output = signal.aborted ? `dial tcp ${bracketed(host)}:${port}: i/o timeout` : dialText(error);
      resolve({ result: 'failure', output });
    });
  });
}
