import { type Check, codeOf, expectCode, fail } from '../check.ts';

const needs = ['controller:CREATE_DELETE_VOLUME', 'controller:MODIFY_VOLUME'] as const;
const nonsense = { 'csictl-no-such-parameter': 'x' };

/** Mutable parameters (CSI spec, ControllerModifyVolume). */
export const modifyChecks: readonly Check[] = [
  {
    id: 'modify.unknown-parameter',
    section: 'ControllerModifyVolume Errors',
    rule: 'A mutable parameter the plugin does not know is INVALID_ARGUMENT, at creation too, and nothing is made.',
    needs,
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const { controller } = subject;
      const call = controller.ControllerModifyVolume({ volumeId, mutableParameters: nonsense });
      await expectCode('an unknown parameter', call, 'INVALID_ARGUMENT');
      const request = subject.request({ mutableParameters: nonsense });
      await expectCode('one at creation', controller.CreateVolume(request), 'INVALID_ARGUMENT');
      const volumeCapabilities = [subject.capability()];
      if ((await codeOf(controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities }))) !== 'OK')
        fail('the volume is not usable after a modification that was refused');
    },
  },
  {
    id: 'modify.missing-fields',
    section: 'ControllerModifyVolume Errors',
    rule: 'No volume id is INVALID_ARGUMENT, an unknown one NOT_FOUND.',
    needs,
    run: async ({ controller }) => {
      await expectCode('no id', controller.ControllerModifyVolume({ volumeId: '' }), 'INVALID_ARGUMENT');
      const call = controller.ControllerModifyVolume({ volumeId: 'csictl-nobody-made-this' });
      await expectCode('an unknown id', call, 'NOT_FOUND');
    },
  },
];
