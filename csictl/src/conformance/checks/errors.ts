import type { GrpcError } from '@berth/protos';
import { asGrpcError } from '@berth/protos';
import { type Check, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const secret = 'csictl-hunter2-Zx81';

/** Errors as such (CSI spec, "Error Scheme" and "Secrets Requirements"). */
export const errorChecks: readonly Check[] = [
  {
    id: 'errors.no-secrets-in-messages',
    section: 'Secrets Requirements',
    rule: 'The message of no error holds the value of a secret or of a mount flag that came with the call.',
    run: async (subject) => {
      for (const error of await failures(subject))
        if (error.message.includes(secret)) fail(`${error.code}: the message holds what came as a secret`);
    },
  },
  {
    id: 'errors.message-is-for-people',
    section: 'Error Scheme',
    rule: 'The message of an error is not empty and says something to a person: no stack trace.',
    run: async (subject) => {
      for (const { code, message } of await failures(subject)) {
        if (message === '') fail(`${code} comes without a message`);
        if (/\n\s+at |goroutine \d+ \[|Traceback/.test(message)) fail(`${code} comes with a stack trace`);
      }
    },
  },
  {
    id: 'errors.details-are-empty',
    section: 'Error Scheme',
    rule: 'An error carries a code and a message alone: its status.details is empty.',
    run: async (subject) => {
      for (const error of await failures(subject))
        if (hasDetails(error)) fail(`${error.code} comes with details: ${error.message}`);
    },
  },
  {
    id: 'errors.missing-fields',
    section: 'CreateVolume Errors',
    rule: 'A capability without access mode or access type is INVALID_ARGUMENT.',
    needs: ['controller:CREATE_DELETE_VOLUME'],
    run: async (subject) => {
      const { accessMode, ...access } = subject.capability();
      for (const capability of [
        { ...access },
        { accessMode: accessMode ?? null },
        { ...access, accessMode: { mode: 'UNKNOWN' as const } },
      ]) {
        const request = subject.request({ volumeCapabilities: [capability as never] });
        const error = await subject.controller.CreateVolume(request).then(() => undefined, asGrpcError);
        if (error?.code !== 'INVALID_ARGUMENT') fail(`${JSON.stringify(capability)} gives ${error?.code ?? 'OK'}`);
      }
    },
  },
];

/** What a driver answers to calls that are wrong in different ways, with secrets and mount flags in them. */
async function failures(subject: Subject): Promise<GrpcError[]> {
  const secrets = { password: secret, [secret]: 'x' };
  const volumeId = 'csictl-nobody-made-this';
  const mount = { mountFlags: [`password=${secret}`, `${secret}\u0007`], fsType: 'nosuchfs' };
  const volumeCapability = { mount, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
  const paths = { stagingTargetPath: subject.folder.directory('stage'), targetPath: subject.folder.free('target') };
  const { controller, node } = subject;
  const calls = [
    controller.CreateVolume({ name: '', secrets }),
    controller.CreateVolume({ ...subject.request(), volumeCapabilities: [volumeCapability], secrets }),
    controller.CreateVolume({ ...subject.request({ name: 'x'.repeat(200) }), secrets }),
    controller.ControllerExpandVolume({ volumeId, secrets }),
    controller.CreateSnapshot({ sourceVolumeId: volumeId, name: '', secrets }),
    controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities: [volumeCapability], secrets }),
    node.NodeStageVolume({ volumeId, volumeCapability, secrets, ...paths }),
    node.NodePublishVolume({ volumeId, volumeCapability, secrets, ...paths }),
    node.NodePublishVolume({ volumeId: '', volumeCapability, secrets, ...paths }),
  ];
  const results = await Promise.allSettled(calls);
  return results.flatMap((result) => (result.status === 'rejected' ? [asGrpcError(result.reason)] : []));
}

/** The trailer that carries google.rpc.Status, if any, on what the client library threw. */
function hasDetails(error: GrpcError): boolean {
  const { metadata } = (error.cause ?? {}) as { metadata?: { get(key: string): readonly unknown[] } };
  return (metadata?.get('grpc-status-details-bin').length ?? 0) > 0;
}
