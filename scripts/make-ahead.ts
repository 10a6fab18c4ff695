/**
 * Makes what tests make once a machine: programs of others, compiled, and packages of their languages. `npm test` runs it beside
 * its first lanes, at the lowest priority, so that the lanes that use them find them made. What fails here fails there, and says why.
 */
import { constants, setPriority } from 'node:os';
import { installedCsiSanity } from '../test/conformance/csi-sanity.ts';
import { ApplyOracle } from '../test/harness/apply-oracle.ts';
import { CelOracle } from '../test/harness/cel-oracle.ts';
import { goSuite } from '../test/harness/go-suite.ts';
import { nodeSuite } from '../test/harness/node-suite.ts';
import { pythonSuite } from '../test/harness/python-suite.ts';
import { builtSampleController } from '../test/harness/sample-controller.ts';
import { SchemaOracle } from '../test/harness/schema-oracle.ts';

/** In the order in which the lanes want them. */
const made: Readonly<Record<string, () => unknown>> = {
  'csi-sanity': installedCsiSanity,
  'the oracle of applies': () => new ApplyOracle()[Symbol.dispose](),
  'the oracle of CEL': () => new CelOracle()[Symbol.dispose](),
  'the oracle of schemas': () => new SchemaOracle()[Symbol.dispose](),
  'the tests of @kubernetes/client-node': () => nodeSuite('client-node.test.mjs'),
  "the tests of Python's kubernetes": () => pythonSuite('test_kubernetes'),
  'the tests of client-go': () => goSuite('clientgo'),
  'the tests of controller-runtime': () => goSuite('controllerruntime'),
  'the sample controller': builtSampleController,
};

setPriority(constants.priority.PRIORITY_LOW);
for (const [what, make] of Object.entries(made)) {
  try {
    await make();
  } catch (error) {
    process.stderr.write(`${what} could not be made yet: ${(error as Error).message}\n`);
  }
}
