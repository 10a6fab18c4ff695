import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@berth/kit';
import { programPath, runProgram } from '@berth/linux';

/** Where distributions and upstream put the CNI plugins. */
const pluginDirectories = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];

/** A plugin is missing or answered with an error. */
export class CniError extends CodedError<'PluginMissing' | 'PluginFailed'> {}

export interface CniCall {
  readonly command: 'ADD' | 'DEL';
  readonly containerId: string;
  readonly netns: string;
  readonly config: { readonly type: string } & Readonly<Record<string, unknown>>;
}

export interface CniResult {
  readonly ips?: readonly { readonly address: string; readonly gateway?: string }[];
}

/** One call of the plugin named by the config's type (CNI specification 0.4.0 §Protocol). @throws CniError */
export async function callCniPlugin(call: CniCall): Promise<CniResult> {
  const paths = pluginDirectories.filter((directory) => existsSync(join(directory, call.config.type)));
  if (paths.length === 0) {
    throw new CniError(
      'PluginMissing',
      `CNI plugin "${call.config.type}": not in ${pluginDirectories.join(', ')}; install containernetworking-plugins`,
    );
  }
  const env = {
    PATH: programPath,
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netns,
    CNI_IFNAME: 'eth0',
    CNI_PATH: paths.join(':'),
  };
  const file = join(paths[0]!, call.config.type);
  const { exitCode, stdout, stderr } = await runProgram(file, [], { env, input: JSON.stringify(call.config) });
  if (exitCode === 0) return stdout.trim() === '' ? {} : (JSON.parse(stdout) as CniResult);
  throw new CniError('PluginFailed', `CNI ${call.config.type} ${call.command}: ${complaint(stdout) || stderr.trim()}`);
}

function complaint(stdout: string): string {
  try {
    const { msg = '', details = '' } = JSON.parse(stdout) as { msg?: string; details?: string };
    return details ? `${msg}: ${details}` : msg;
  } catch {
    return stdout.trim();
  }
}
