# Installs ecojax into .venv of this clone, with the locked versions, and does nothing when that is done already.
# Sourced by scripts/ecojax and scripts/test, which say `bootstrap [extra...]`. It is not a command.
#
# The stamp in .venv holds two lines: what was installed (a checksum of pyproject.toml, constraints.txt and the
# clone's own path, since a virtual environment cannot be moved) and with which extras. Extras are only ever added, so that
# scripts/test and scripts/ecojax, or a cluster's login node and its GPU nodes, do not undo each other's install. Of JAX's
# two CUDA builds, which clash, .venv keeps the one that it has until ECOJAX_CUDA=12 or 13 asks for the other.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
venv=$root/.venv
stamp=$venv/.ecojax-installed

# Standard output belongs to the command that follows.
say() { printf 'ecojax: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

nvidia_driver() {
  [[ -e /proc/driver/nvidia/version || -e /usr/lib/wsl/lib/libcuda.so.1 ]] && return 0
  [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *libcuda.so.1* ]] && return 0
  nvidia-smi >/dev/null 2>&1
}

# Prints the first number of the NVIDIA driver's version, such as 580; nothing where it is not known.
driver_major() { # [file]
  local text=''
  { text=$(<"${1:-/proc/driver/nvidia/version}"); } 2>/dev/null ||
    text=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null) || true
  [[ ! $text =~ (^|[[:space:]])([0-9]{3,})\.[0-9] ]] || echo "${BASH_REMATCH[2]}"
}

# Whether CUDA 13 supports every GPU here: it begins with compute capability 7.5. Yes where that is not known.
recent_gpus() {
  local capability major minor
  while read -r capability; do
    [[ $capability =~ ^([0-9]+)\.([0-9]+)$ ]] || continue
    major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
    (( major > 7 || (major == 7 && minor >= 5) )) || return 1
  done < <(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null)
}

# Prints the extra of the CUDA build that .venv has, by its stamp or by the plugin that lies there; nothing without one.
cuda_here() {
  case " $have " in *' cuda13 '*) echo cuda13; return ;; *' cuda '*) echo cuda; return ;; esac
  if compgen -G "$venv/lib/python3.*/site-packages/jax_cuda13_plugin" >/dev/null; then echo cuda13
  elif compgen -G "$venv/lib/python3.*/site-packages/jax_cuda12_plugin" >/dev/null; then echo cuda; fi
}

# Prints the extra of the CUDA build that this host should have: cuda, cuda13, or nothing for the CPU build.
cuda_extra() {
  local here major
  case ${ECOJAX_CUDA:-} in
    0) return ;;
    12) echo cuda; return ;;
    13) echo cuda13; return ;;
    1) ;;
    '') nvidia_driver || return 0 ;;
    *) die "ECOJAX_CUDA=$ECOJAX_CUDA is not known: write 0 for the CPU build, 12 or 13 for that CUDA, or 1 for the one that fits the driver" ;;
  esac
  here=$(cuda_here)
  major=$(driver_major)
  if [[ -n $here ]]; then
    [[ $here != cuda13 || -z $major ]] || (( major >= 580 )) ||
      say "$venv has the CUDA 13 build of JAX, which needs a driver of 580 or newer, and this one is $major: 'ECOJAX_CUDA=12 scripts/ecojax' changes it"
    echo "$here"
  elif [[ -n $major ]] && (( major >= 580 )) && recent_gpus; then
    echo cuda13
  else
    echo cuda
  fi
}

# Prints the names of the extras in pyproject.toml.
known_extras() {
  local line inside=''
  while IFS= read -r line; do
    case $line in
      '[project.optional-dependencies]') inside=yes ;;
      '['*) inside='' ;;
      [a-z]*' = '*) [[ -z $inside ]] || echo "${line%% = *}" ;;
    esac
  done <"$root/pyproject.toml"
}

check_extras() { # extra...
  local known extra
  known=$(echo $(known_extras))
  for extra in "$@"; do
    [[ -n $extra && " $known " == *" $extra "* ]] || die "there is no extra '$extra': it is one of $known"
  done
  [[ " $* " != *' cuda '* || " $* " != *' cuda13 '* ]] || die "the extras cuda and cuda13 clash: name one of them"
}

fingerprint() { cksum "$root/pyproject.toml" "$root/constraints.txt" | cksum; }

read_stamp() {
  installed='' have=''
  { read -r installed && read -r have; } 2>/dev/null <"$stamp" || true
}

up_to_date() { # extra...
  read_stamp
  [[ $installed == "$(fingerprint)" && -x $venv/bin/python && -x $venv/bin/ecojax ]] || return 1
  local extra
  for extra in "$@"; do [[ " $have " == *" $extra "* ]] || return 1; done
}

# Prints the interpreter to use: the newest that ecojax is tested on, then whatever python3 is.
find_python() {
  local python incapable='' candidates=(python3.13 python3.12 python3.11 python3)
  [[ -z ${ECOJAX_PYTHON:-} ]] || candidates=("$ECOJAX_PYTHON")
  for python in "${candidates[@]}"; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    # Debian and Ubuntu ship `venv` without the `ensurepip` that it needs.
    "$python" -c 'import venv, ensurepip' 2>/dev/null && { echo "$python"; return; }
    incapable=${incapable:-$python}
  done
  [[ -z $incapable ]] || die "$incapable cannot make virtual environments (its ensurepip module is missing):" \
    "install it, on Debian and Ubuntu with 'apt install $("$incapable" -c 'import sys; print("python3.%d" % sys.version_info[1])')-venv', or install uv"
  [[ -z ${ECOJAX_PYTHON:-} ]] || die "ECOJAX_PYTHON=$ECOJAX_PYTHON is not a Python 3.11 or newer: name one, or unset it"
  die "no Python 3.11 or newer found on PATH: install Python 3.11, 3.12 or 3.13 (or uv), or set ECOJAX_PYTHON to one"
}

usable_venv() {
  # "installing" is left by an interrupted install: half a package may look whole to pip, so start over.
  [[ $installed != installing ]] || return 1
  "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 1
  has uv || "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

make_venv() {
  if has uv; then
    UV_VENV_CLEAR=1 uv venv --quiet --python "${ECOJAX_PYTHON:->=3.11,<3.14}" "$venv" >&2
  else
    local python
    python=$(find_python) || exit
    "$python" -m venv --clear "$venv" >&2
  fi
}

# Until 0.1.0 this distribution was called `ecojax`, like an unrelated one on the package index: it must not stay beside.
remove_former_name() {
  compgen -G "$venv/lib/python3.*/site-packages/ecojax-[0-9]*.dist-info" >/dev/null || return 0
  if has uv; then
    uv pip uninstall --quiet --python "$venv/bin/python" ecojax >&2
  else
    "$venv/bin/python" -m pip uninstall -qq --yes --disable-pip-version-check ecojax >&2
  fi
}

install_extras() { # extra...
  cd "$root"
  local target=.
  (( $# == 0 )) || target=".[$(IFS=,; echo "$*")]"
  if has uv; then
    uv pip install --quiet --python "$venv/bin/python" --constraint constraints.txt --editable "$target" >&2
  else
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
      --constraint constraints.txt --editable "$target" >&2
  fi
}

install() { # extra...
  local extras build='CPU build' here asked=" $* "
  here=$(cuda_here)
  if [[ $here == cuda && $asked == *' cuda13 '* ]] || [[ $here == cuda13 && $asked == *' cuda '* ]]; then
    have=" $have " have=${have/" $here "/ } installed=installing # begin anew: the two builds share no .venv
  fi
  extras=$(echo $(printf '%s\n' $have "$@" | sort -u))
  case " $extras " in *' cuda13 '*) build='CUDA 13 build' ;; *' cuda '*) build='CUDA 12 build' ;; esac
  say "installing into $venv with the $build of JAX; this happens once and takes some minutes"
  trap 'exit 130' INT TERM # not a failure of the install: leave the stamp at "installing"
  usable_venv || make_venv || die "could not create the virtual environment $venv; the reason is above"
  printf 'installing\n%s\n' "$extras" >"$stamp"
  if ! { remove_former_name && install_extras $extras; }; then
    printf 'failed\n%s\n' "$have" >"$stamp"
    die "the installation failed; the reason is above, and the next call tries again"
  fi
  printf '%s\n' "$(fingerprint)" "$extras" >"$stamp"
}

bootstrap() { # extra...
  local cuda=''
  check_extras "$@"
  read_stamp
  if [[ " $* " != *' cuda '* && " $* " != *' cuda13 '* ]]; then cuda=$(cuda_extra) || exit; fi
  [[ -z $cuda ]] || set -- "$@" "$cuda"
  if up_to_date "$@"; then return; fi
  [[ -w $root ]] || die "cannot install: $root is not writable; use a clone of your own"
  # The lock is on a file outside .venv, which may be cleared, opened for writing because NFS demands that of a lock.
  (
    if has flock && ! flock -n 9; then
      say "another call is installing; waiting for it"
      flock 9
    fi
    up_to_date "$@" || install "$@"
  ) 9>>"$root/constraints.txt"
}
