import assert from 'node:assert/strict';
import { runCsiSanity } from '../../conformance/csi-sanity.ts';

/** At least as many as an earlier version of the driver was measured with: a capability that is lost shows. */
const leastCases = 71;

/** Runs csi-sanity against the driver of `folder`; twice in a row it runs on the host, where a run takes a tenth of the time. */
export async function csiSanityHere(folder: string, parameters: Record<string, string>): Promise<void> {
  const endpoint = `unix://${folder}/csi.sock`;
  const program = '/usr/bin/csi-sanity';
  const { passed, failed, output } = await runCsiSanity({ program, endpoint, folder, parameters });
  assert.equal(failed, 0, output.slice(-8000));
  assert.ok(passed >= leastCases, `${passed} cases`);
}
