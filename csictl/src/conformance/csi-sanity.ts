import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CsictlError } from '../csictl-error.ts';
import type { TrialVolumes } from '../trial/trial-options.ts';
import type { CheckResult } from './run-checks.ts';

export interface SanityOptions {
  readonly program: string;
  readonly endpoint: string;
  readonly volumes: TrialVolumes;
  /** Where its mounts, parameters and report go. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** The official suite: the file named, else the one on PATH; undefined where there is none. @throws CsictlError NOT_FOUND – the one named */
export function findCsiSanity(named: string | undefined, path: string | undefined): string | undefined {
  if (named !== undefined) {
    if (isExecutable(named)) return named;
    throw new CsictlError('NOT_FOUND', `--csi-sanity ${named}: no such program`, {
      hint: 'install it: go install github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity@v5.6.0',
    });
  }
  const folders = (path ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return folders.map((folder) => join(folder, 'csi-sanity')).find(isExecutable);
}

/** Runs the official suite to its end. @throws CsictlError FAILED – it wrote no report. */
export async function runCsiSanity(options: SanityOptions): Promise<CheckResult[]> {
  const { program, folder, signal } = options;
  const report = join(folder, 'sanity.json');
  const output: string[] = [];
  const child = spawn(program, flagsOf(options, report), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], signal });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void output.push(text));
  const error = await new Promise<Error | undefined>((resolve) => {
    child.once('error', resolve);
    child.once('close', () => resolve(undefined));
  });
  if (!existsSync(report)) {
    const last = output.join('').trimEnd().split('\n').at(-1) ?? '';
    throw new CsictlError('FAILED', `csi-sanity wrote no report: ${error?.message ?? last}`, {
      hint: `run it by hand: ${program} --csi.endpoint=${options.endpoint}`,
    });
  }
  return resultsOf(readFileSync(report, 'utf8'));
}

function flagsOf({ endpoint, volumes, folder }: SanityOptions, report: string): string[] {
  const { sizeBytes, capability, parameters, secrets } = volumes;
  // JSON is YAML.
  const file = (name: string, content: unknown) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
    return path;
  };
  const flags = ['--ginkgo.no-color', `--ginkgo.json-report=${report}`, `--csi.endpoint=${endpoint}`];
  flags.push(`--csi.testvolumesize=${sizeBytes}`, `--csi.testvolumeexpandsize=${2 * sizeBytes}`);
  flags.push(`--csi.testvolumeaccesstype=${capability.block ? 'block' : 'mount'}`);
  flags.push(`--csi.mountdir=${join(folder, 'sanity-mount')}`, `--csi.stagingdir=${join(folder, 'sanity-stage')}`);
  if (Object.keys(parameters).length > 0)
    flags.push(`--csi.testvolumeparameters=${file('sanity-parameters.yaml', parameters)}`);
  if (Object.keys(secrets).length > 0)
    flags.push(`--csi.secrets=${file('sanity-secrets.yaml', secretsForAll(secrets))}`);
  return flags;
}

/** csi-sanity asks for the secrets of each RPC by a name of its own. */
function secretsForAll(secrets: Readonly<Record<string, string>>): Record<string, unknown> {
  const kinds = ['CreateVolume', 'DeleteVolume', 'ControllerPublishVolume', 'ControllerUnpublishVolume'];
  kinds.push('ControllerValidateVolumeCapabilities', 'NodeStageVolume', 'NodePublishVolume');
  kinds.push('CreateSnapshot', 'DeleteSnapshot', 'ListSnapshots', 'ControllerExpandVolume');
  return Object.fromEntries(kinds.map((kind) => [`${kind}Secret`, secrets]));
}

interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
  readonly RunTime: number;
  readonly Failure?: { readonly Message?: string };
}

function resultsOf(text: string): CheckResult[] {
  const [suite] = JSON.parse(text) as { SpecReports: readonly Spec[] | null }[];
  return (suite?.SpecReports ?? [])
    .filter(({ LeafNodeType, State }) => LeafNodeType === 'It' || State === 'failed')
    .map(({ ContainerHierarchyTexts, LeafNodeText, State, RunTime, Failure }) => ({
      id: `csi-sanity.${[...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' ')}`,
      section: 'csi-sanity',
      rule: LeafNodeText,
      outcome: State === 'passed' ? 'pass' : State === 'skipped' || State === 'pending' ? 'skip' : 'fail',
      reason: State === 'passed' ? '' : (Failure?.Message?.split('\n')[0] ?? State),
      ms: Math.round(RunTime / 1e6),
    }));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
