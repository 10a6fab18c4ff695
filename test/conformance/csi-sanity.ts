import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goProgram } from '../harness/go-toolchain.ts';

const version = 'v5.6.0';
const run = promisify(execFile);

/** The official conformance suite, installed once per version into the user's cache. */
export async function installedCsiSanity(): Promise<string> {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', `csi-sanity-${version}`);
  const program = join(folder, 'csi-sanity');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  await run(goProgram(), ['install', `github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity@${version}`], {
    env: { ...process.env, GOBIN: folder },
  });
  return program;
}

export interface SanityResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly output: string;
}

export interface SanityOptions {
  readonly program: string;
  readonly endpoint: string;
  /** Where its mounts and parameter files go. */
  readonly folder: string;
  readonly access?: 'mount' | 'block';
  /** Parameters of the class of its volumes. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What it modifies volumes to; nothing unless told. */
  readonly mutableParameters?: Readonly<Record<string, string>>;
  /** Expressions for names of cases that are left out. */
  readonly skip?: readonly string[];
}

/** Runs the suite against a driver's socket, for mounted volumes unless told otherwise. */
export async function runCsiSanity(options: SanityOptions): Promise<SanityResult> {
  const { program, endpoint, folder, access = 'mount', parameters = {}, mutableParameters = {}, skip = [] } = options;
  const parametersFile = join(folder, 'parameters.yaml');
  const mutableParametersFile = join(folder, 'mutable-parameters.yaml');
  // JSON is YAML.
  writeFileSync(parametersFile, JSON.stringify(parameters));
  writeFileSync(mutableParametersFile, JSON.stringify(mutableParameters));
  const flags = ['--ginkgo.no-color', `--csi.endpoint=${endpoint}`, '--csi.testvolumesize=1073741824'];
  flags.push('--csi.testvolumeexpandsize=2147483648');
  flags.push(`--csi.testvolumeaccesstype=${access}`, `--csi.testvolumeparameters=${parametersFile}`);
  flags.push(`--csi.testvolumemutableparameters=${mutableParametersFile}`, '--csi.testnodevolumeattachlimit');
  flags.push(`--csi.mountdir=${join(folder, 'mount')}`, `--csi.stagingdir=${join(folder, 'staging')}`);
  if (skip.length > 0) flags.push(`--ginkgo.skip=${skip.join('|')}`);
  const { stdout, stderr } = await run(program, flags, { cwd: folder }).catch(
    (error: { stdout?: string; stderr?: string }) => ({
      stdout: error.stdout ?? '',
      stderr: error.stderr ?? `${error}`,
    }),
  );
  const [, passed, failed, skipped] = /(\d+) Passed.*?(\d+) Failed.*?(\d+) Skipped/.exec(stdout) ?? [];
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped), output: stdout + stderr };
}
