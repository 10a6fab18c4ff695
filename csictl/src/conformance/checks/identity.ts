import { type Check, fail } from '../check.ts';

/** Who the plugin is, and what its node says (CSI spec, Identity and NodeGetInfo). */
export const identityChecks: readonly Check[] = [
  {
    id: 'identity.plugin-name',
    section: 'GetPluginInfo',
    rule: 'The name is a domain name of at most 63 characters that begins and ends with a letter or digit; a version is given.',
    run: async ({ identity }) => {
      const { name, vendorVersion } = await identity.GetPluginInfo({});
      if (name.length > 63 || !/^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/.test(name))
        fail(`the name is ${JSON.stringify(name)}`);
      if (vendorVersion === '') fail('the version is empty');
    },
  },
  {
    id: 'identity.probe',
    section: 'Probe',
    rule: 'Probe answers as often as it is asked, also many at once.',
    run: async ({ identity }) => {
      await Promise.all(Array.from({ length: 64 }, () => identity.Probe({})));
    },
  },
  {
    id: 'identity.node-info',
    section: 'NodeGetInfo',
    rule: 'The node id has 1 to 256 bytes, max_volumes_per_node is not negative, topology keys are of the form the spec asks for.',
    needs: ['mounts'],
    run: async (subject) => {
      const { nodeId, maxVolumesPerNode, accessibleTopology } = await subject.node.NodeGetInfo({});
      const bytes = Buffer.byteLength(nodeId);
      if (bytes === 0 || bytes > 256) fail(`the node id has ${bytes} bytes`);
      if (BigInt(maxVolumesPerNode) < 0n) fail(`max_volumes_per_node is ${maxVolumesPerNode}`);
      const keys = Object.keys(accessibleTopology?.segments ?? {});
      const wrong = keys.find((key) => !/^([a-zA-Z0-9.-]{1,253}\/)?[a-zA-Z0-9]([-\w.]{0,61}[a-zA-Z0-9])?$/.test(key));
      if (wrong !== undefined) fail(`the topology key ${JSON.stringify(wrong)} is not of the form prefix/name`);
      if (keys.length > 0 && !subject.has('plugin:VOLUME_ACCESSIBILITY_CONSTRAINTS'))
        fail('a topology comes without VOLUME_ACCESSIBILITY_CONSTRAINTS');
    },
  },
];
