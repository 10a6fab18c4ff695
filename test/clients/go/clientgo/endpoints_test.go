package clientgo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/reference"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/utils/ptr"

	"berth.local/clients/cluster"
)

// A token of a service account is who it says, may do what roles say, and no more.
func TestTokensAndReviews(t *testing.T) {
	t.Parallel()
	ctx, namespace, admin := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}
	_, err := admin.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	cluster.NoError(t, err)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](600)}}
	token, err := admin.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, "robot", request, metav1.CreateOptions{})
	cluster.NoError(t, err)
	user := "system:serviceaccount:" + namespace + ":robot"
	config := rest.AnonymousClientConfig(cluster.Config(t))
	config.BearerToken = token.Status.Token
	robot, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	self, err := robot.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "who it is", self.Status.UserInfo.Username, user)
	review, err := admin.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}, metav1.CreateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "what is said of its token", []any{review.Status.Authenticated, review.Status.User.Username}, []any{true, user})

	_, err = robot.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})
	cluster.Fails(t, err, apierrors.IsForbidden, `secrets is forbidden: User "`+user+`" cannot list resource "secrets" in API group "" in the namespace "`+namespace+`"`)
	access := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "list", Resource: "secrets"}}}
	allowed, err := robot.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, access, metav1.CreateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "may it", allowed.Status.Allowed, false)

	acting := cluster.Config(t)
	acting.Impersonate = rest.ImpersonationConfig{UserName: "jane", Groups: []string{"developers"}}
	jane, err := kubernetes.NewForConfig(acting)
	cluster.NoError(t, err)
	_, err = jane.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	cluster.Fails(t, err, apierrors.IsForbidden, `User "jane" cannot list resource "pods"`)
	config.BearerToken = "not.a.token"
	nobody, err := kubernetes.NewForConfig(config)
	cluster.NoError(t, err)
	_, err = nobody.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	cluster.Fails(t, err, apierrors.IsUnauthorized, "Unauthorized")
}

// Pods are bound, resized, given ephemeral containers and evicted at endpoints of theirs.
func TestPodEndpoints(t *testing.T) {
	t.Parallel()
	ctx, namespace := cluster.Context(t), cluster.Namespace(t)
	pods := cluster.Client(t).CoreV1().Pods(namespace)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "p-"},
		Spec:       corev1.PodSpec{SchedulerName: "none", Containers: []corev1.Container{{Name: "c", Image: "c"}}},
	}
	cluster.Eventually(t, func() error { // Until the namespace has its service account.
		made, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		if err == nil {
			pod = made
		}
		return err
	})
	// A node that there is not: nothing takes the pod in hand.
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: "nowhere"}}
	cluster.NoError(t, pods.Bind(ctx, binding, metav1.CreateOptions{}))
	cluster.Fails(t, pods.Bind(ctx, binding, metav1.CreateOptions{}), apierrors.IsConflict, "pod "+pod.Name+" is already assigned to node \"nowhere\"")
	bound, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
	cluster.NoError(t, err)
	bound.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "d"}}}
	debugged, err := pods.UpdateEphemeralContainers(ctx, pod.Name, bound, metav1.UpdateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "its ephemeral container", debugged.Spec.EphemeralContainers[0].TerminationMessagePath, "/dev/termination-log")
	debugged.Status.Phase = corev1.PodRunning
	running, err := pods.UpdateStatus(ctx, debugged, metav1.UpdateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "its phase", running.Status.Phase, corev1.PodRunning)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: new(int64)}}
	cluster.NoError(t, pods.EvictV1(ctx, eviction))
	cluster.Fails(t, pods.EvictV1(ctx, eviction), apierrors.IsNotFound, `pods "`+pod.Name+`" not found`)
}

// A certificate is requested, approved, and issued no further than a signer is there.
func TestCertificateRequest(t *testing.T) {
	t.Parallel()
	ctx, client := cluster.Context(t), cluster.Client(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	cluster.NoError(t, err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane"}}, key)
	cluster.NoError(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	usages := []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth}
	name, uid, err := csr.RequestCertificate(client, text, "jane", "berth.test/signer", nil, usages, key)
	cluster.NoError(t, err)
	requests := client.CertificatesV1().CertificateSigningRequests()
	t.Cleanup(func() { _ = requests.Delete(context.Background(), name, metav1.DeleteOptions{}) })
	again, sameUID, err := csr.RequestCertificate(client, text, "jane", "berth.test/signer", nil, usages, key)
	cluster.NoError(t, err)
	cluster.Equal(t, "asked for again", []any{again, sameUID}, []any{name, uid})
	request, err := requests.Get(ctx, name, metav1.GetOptions{})
	cluster.NoError(t, err)
	request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Trusted"})
	approved, err := requests.UpdateApproval(ctx, name, request, metav1.UpdateOptions{})
	cluster.NoError(t, err)
	cluster.Equal(t, "its condition", approved.Status.Conditions[0].Reason, "Trusted")
	approved.Status.Certificate = []byte("no certificate")
	_, err = requests.UpdateStatus(ctx, approved, metav1.UpdateOptions{})
	cluster.Fails(t, err, apierrors.IsInvalid, "status.certificate: Invalid value")
}

// Repeated events become one with a series, which both groups show.
func TestEventSeries(t *testing.T) {
	t.Parallel()
	ctx, namespace, client := cluster.Context(t), cluster.Namespace(t), cluster.Client(t)
	create(t, client, namespace, colored("subject", "red"))
	object, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, "subject", metav1.GetOptions{})
	cluster.NoError(t, err)
	regarding, err := reference.GetReference(scheme.Scheme, object)
	cluster.NoError(t, err)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	cluster.NoError(t, broadcaster.StartRecordingToSinkWithContext(ctx))
	recorder := broadcaster.NewRecorder(scheme.Scheme, "berth.test/recorder")
	list := func() []eventsv1.Event {
		events, err := client.EventsV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "regarding.name=subject,type=Warning"})
		cluster.NoError(t, err)
		return events.Items
	}
	recorder.Eventf(regarding, nil, corev1.EventTypeWarning, "Painted", "Painting", "it is %s", "red")
	cluster.EventuallyEqual(t, "an event", func() any { return len(list()) }, 1)
	recorder.Eventf(regarding, nil, corev1.EventTypeWarning, "Painted", "Painting", "it is %s", "red")
	cluster.Eventually(t, func() error {
		if found := list(); len(found) == 1 && found[0].Series != nil && found[0].Series.Count == 2 {
			return nil
		}
		return errNotYet
	})
	old, err := client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(object.UID)})
	cluster.NoError(t, err)
	cluster.Equal(t, "as core shows it", []any{len(old.Items), old.Items[0].Message, old.Items[0].ReportingController, old.Items[0].Series.Count},
		[]any{1, "it is red", "berth.test/recorder", int32(2)})
	broadcaster.Shutdown()
}
