{{/* The chart's name. */}}
{{- define "amends.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of what belongs to this release alone. What the cluster has once keeps its own name. */}}
{{- define "amends.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" }}
{{- else if contains (include "amends.name" .) .Release.Name }}
{{- .Release.Name | trunc 55 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "amends.name" .) | trunc 55 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels that every object has. */}}
{{- define "amends.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "amends.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: amends
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels by which the operator's pods are found. */}}
{{- define "amends.selectorLabels" -}}
app.kubernetes.io/name: {{ include "amends.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The name of the operator's service account. */}}
{{- define "amends.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "amends.fullname" . }}
{{- else }}
{{- fail "serviceAccount.name is empty and serviceAccount.create is false: name the service account that the operator is to run as" }}
{{- end }}
{{- end }}

{{/* The operator as the API server knows it; the policies name it. */}}
{{- define "amends.account" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "amends.serviceAccountName" . }}
{{- end }}

{{/* The image: a digest goes before a tag. */}}
{{- define "amends.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Says "true" where the API server is to write down who asked and who decided. */}}
{{- define "amends.stamps" -}}
{{- if eq .Values.admission.stamp "auto" }}
{{- .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- else }}
{{- eq .Values.admission.stamp "always" }}
{{- end }}
{{- end }}

{{/*
A file's document with the chart's labels, and annotations where there are any.
As text: parsed and printed again, the large integers of a schema would become floats.
Takes root, document, annotations, omit (labels that it is not to have).
*/}}
{{- define "amends.labelled" -}}
{{- $labels := include "amends.labels" .root | fromYaml }}
{{- range .omit }}{{ $labels = omit $labels . }}{{ end }}
{{- $metadata := dict "labels" $labels }}
{{- with .annotations }}{{ $metadata = set $metadata "annotations" . }}{{ end }}
{{- if not (contains "\nmetadata:\n" .document) }}{{ fail (printf "no metadata to label in:\n%s" .document) }}{{ end }}
{{- .document | replace "\nmetadata:\n" (printf "\nmetadata:\n%s\n" (toYaml $metadata | indent 2)) | trim }}
{{- end }}

{{/*
An RBAC document of files/rbac for this release: its labels, its namespaces and its service account.
Takes root, document (parsed), namespace.
*/}}
{{- define "amends.rbac" -}}
{{- $root := .root }}
{{- $document := deepCopy .document }}
{{- $labels := mergeOverwrite (default dict $document.metadata.labels) (include "amends.labels" $root | fromYaml) }}
{{- $_ := set $document.metadata "labels" $labels }}
{{- if .namespace }}{{ $_ := set $document.metadata "namespace" .namespace }}{{ end }}
{{- range $subject := $document.subjects }}
{{- if and (eq $subject.kind "ServiceAccount") (eq (default "" $subject.namespace) "amends-system") }}
{{- $_ := set $subject "name" (include "amends.serviceAccountName" $root) }}
{{- $_ := set $subject "namespace" $root.Release.Namespace }}
{{- end }}
{{- end }}
{{- toYaml $document }}
{{- end }}

{{/* Subjects of a RoleBinding. Takes people (groups, users, serviceAccounts) and namespace. */}}
{{- define "amends.subjects" -}}
{{- range .people.groups }}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: {{ . | quote }}}
{{- end }}
{{- range .people.users }}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: {{ . | quote }}}
{{- end }}
{{- range .people.serviceAccounts }}
- {kind: ServiceAccount, name: {{ .name | quote }}, namespace: {{ default $.namespace .namespace | quote }}}
{{- end }}
{{- end }}
