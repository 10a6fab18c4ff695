import { contentOf, elements, oid, requestDer, sequence, set } from '../../resources/certificates/der.ts';

/** 2.5.4.10 and 2.5.4.3, as DER has them. */
const organizationOid = Buffer.from([0x55, 0x04, 0x0a]);
const commonNameOid = Buffer.from([0x55, 0x04, 0x03]);

/** The organizations a PEM certificate request asks for (RFC 2986, X.690). @throws RangeError – it is none. */
export function organizationsOf(pem: string): string[] {
  return subjectOf(pem, organizationOid);
}

/** The common name a PEM certificate request asks for; empty where it asks for none. @throws RangeError – it is none. */
export function commonNameOf(pem: string): string {
  return subjectOf(pem, commonNameOid).at(-1) ?? '';
}

function subjectOf(pem: string, wanted: Buffer): string[] {
  const [request] = elements(requestDer(pem), sequence);
  const [info] = elements(contentOf(request, sequence));
  // The version comes first, then the subject.
  const subject = elements(contentOf(info, sequence))[1];
  return elements(contentOf(subject, sequence), set).flatMap(({ content }) =>
    elements(content, sequence).flatMap((attribute) => {
      const [type, value] = elements(attribute.content);
      return type?.tag === oid && type.content.equals(wanted) && value ? [value.content.toString()] : [];
    }),
  );
}
