import assert from 'node:assert/strict';
import { runCsiSanity } from '../../conformance/csi-sanity.ts';

/** At least as many as an earlier version of the driver was measured with: a capability that is lost shows. */
const leastCases = 71;

/** Runs csi-sanity twice against the driver of `folder`. */
export async function sanityTwice(folder: string, parameters: Record<string, string>): Promise<void> {
  const endpoint = `unix://${folder}/csi.sock`;
  for (const round of ['first', 'second']) {
    const program = '/usr/bin/csi-sanity';
    const { passed, failed, output } = await runCsiSanity({ program, endpoint, folder, parameters });
    assert.equal(failed, 0, `${round}: ${output.slice(-8000)}`);
    assert.ok(passed >= leastCases, `${round}: ${passed} cases`);
  }
}
