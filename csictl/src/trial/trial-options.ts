import { readCapability } from '../csi/capability-flag.ts';
import { readBytes, readPairs } from '../csi/flag-values.ts';
import { readSecrets, type SecretFlags } from '../csi/read-secrets.ts';

/** The volumes that conformance and bench make at a driver. */
export interface TrialVolumes {
  readonly capability: ReturnType<typeof readCapability>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly secrets: Readonly<Record<string, string>>;
  /** Where staging and target paths are made. */
  readonly mountDir: string | undefined;
}

/** What the flags of a command say. @throws CsictlError USAGE, NOT_FOUND */
export function trialVolumes(flags: Readonly<Record<string, unknown>>): TrialVolumes {
  return {
    capability: readCapability(String(flags['cap'])),
    parameters: readPairs('--param', (flags['param'] as readonly string[] | undefined) ?? []),
    sizeBytes: Number(readBytes('--size', String(flags['size']))),
    secrets: readSecrets(flags as SecretFlags),
    mountDir: flags['mountDir'] as string | undefined,
  };
}
