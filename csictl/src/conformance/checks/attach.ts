import { type Check, expectCode } from '../check.ts';

const needs = ['controller:CREATE_DELETE_VOLUME', 'controller:PUBLISH_UNPUBLISH_VOLUME', 'mounts'] as const;
const unknown = 'csictl-nobody-made-this';

/** Attaching (CSI spec, ControllerPublishVolume and ControllerUnpublishVolume). */
export const attachChecks: readonly Check[] = [
  {
    id: 'attach.unknown',
    section: 'ControllerPublishVolume Errors',
    rule: 'A volume or a node that is not there is NOT_FOUND; what lacks a field is INVALID_ARGUMENT.',
    needs,
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const { controller, nodeId } = subject;
      const volumeCapability = subject.capability();
      const publish = (part: object) =>
        controller.ControllerPublishVolume({ volumeId, nodeId, volumeCapability, ...part });
      await expectCode('an unknown volume', publish({ volumeId: unknown }), 'NOT_FOUND');
      await expectCode('an unknown node', publish({ nodeId: unknown }), 'NOT_FOUND');
      await expectCode('no node', publish({ nodeId: '' }), 'INVALID_ARGUMENT');
      await expectCode('no capability', publish({ volumeCapability: null }), 'INVALID_ARGUMENT');
    },
  },
  {
    id: 'attach.other-arguments',
    section: 'ControllerPublishVolume Errors',
    rule: 'Attaching again to the same node with another read-only flag is ALREADY_EXISTS.',
    needs: [...needs, 'controller:PUBLISH_READONLY'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const { controller, nodeId } = subject;
      const request = { volumeId, nodeId, volumeCapability: subject.capability() };
      await controller.ControllerPublishVolume(request);
      const call = controller.ControllerPublishVolume({ ...request, readonly: true });
      await expectCode('the same node, now read-only', call, 'ALREADY_EXISTS');
    },
  },
  {
    id: 'attach.detach-everywhere',
    section: 'ControllerUnpublishVolume',
    rule: 'Detaching without a node detaches from all; detaching what is not attached, or is unknown, is OK.',
    needs,
    run: async (subject) => {
      const { controller, nodeId } = subject;
      const { volumeId } = await subject.create();
      await controller.ControllerPublishVolume({ volumeId, nodeId, volumeCapability: subject.capability() });
      await expectCode('no node', controller.ControllerUnpublishVolume({ volumeId }), 'OK');
      await expectCode('the node, again', controller.ControllerUnpublishVolume({ volumeId, nodeId }), 'OK');
      const gone = controller.ControllerUnpublishVolume({ volumeId: unknown, nodeId });
      await expectCode('a volume that is not there', gone, 'OK', 'NOT_FOUND');
    },
  },
];
