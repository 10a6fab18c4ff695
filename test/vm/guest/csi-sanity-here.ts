import assert from 'node:assert/strict';
import { runCsiSanity } from '../../conformance/csi-sanity.ts';

/**
 * What the driver is, and calls that it refuses for what they lack or name: they reach no volume, and runs on the host,
 * where a run takes a tenth of the time, ask them of the same code. Here is what makes, uses and lists volumes and snapshots.
 */
const elsewhere = [
  'Identity Service',
  'Capabilities should return',
  'should fail (when|if) (no|an invalid) ',
  'is not found$',
  'does not exist$',
  'an invalid volume id is used$',
];

/** At least as many were measured of the others: a capability that is lost shows. */
const ownCases = 41;

/** Runs csi-sanity's cases of volumes against the driver of `folder`; all of them run on the host, twice in a row. */
export async function csiSanityHere(folder: string, parameters: Record<string, string>): Promise<void> {
  const endpoint = `unix://${folder}/csi.sock`;
  const program = '/usr/bin/csi-sanity';
  const { passed, failed, output } = await runCsiSanity({ program, endpoint, folder, parameters, skip: elsewhere });
  assert.equal(failed, 0, output.slice(-8000));
  assert.ok(passed >= ownCases, `${passed} cases`);
}
