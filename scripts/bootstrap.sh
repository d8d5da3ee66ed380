# Installs ecojax into .venv of this clone, with the locked versions, and does nothing when that is done already.
# Sourced by scripts/ecojax and scripts/test, which say `bootstrap [extra...]`. It is not a command.
#
# The stamp in .venv holds two lines: what was installed (a checksum of pyproject.toml, constraints.txt and the
# clone's own path, since a virtual environment cannot be moved) and with which extras. Extras are only ever added, so that
# scripts/test and scripts/ecojax, or a cluster's login node and its GPU nodes, do not undo each other's install.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
venv=$root/.venv
stamp=$venv/.ecojax-installed

# Standard output belongs to the command that follows.
say() { printf 'ecojax: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

nvidia_driver() {
  case ${ECOJAX_CUDA:-} in 0) return 1 ;; 1) return 0 ;; esac
  [[ -e /proc/driver/nvidia/version || -e /usr/lib/wsl/lib/libcuda.so.1 ]] && return 0
  [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *libcuda.so.1* ]] && return 0
  nvidia-smi >/dev/null 2>&1
}

fingerprint() { cksum "$root/pyproject.toml" "$root/constraints.txt" | cksum; }

up_to_date() { # extra...
  installed='' have=''
  { read -r installed && read -r have; } 2>/dev/null <"$stamp" || true
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
  local extras build='CPU build'
  extras=$(echo $(printf '%s\n' $have "$@" | sort -u))
  [[ " $extras " != *' cuda '* ]] || build='CUDA build'
  say "installing into $venv with the $build of JAX; this happens once and takes some minutes"
  trap 'exit 130' INT TERM # not a failure of the install: leave the stamp at "installing"
  usable_venv || make_venv || die "could not create the virtual environment $venv; the reason is above"
  printf 'installing\n%s\n' "$extras" >"$stamp"
  if ! install_extras $extras; then
    printf 'failed\n%s\n' "$have" >"$stamp"
    die "the installation failed; the reason is above, and the next call tries again"
  fi
  printf '%s\n' "$(fingerprint)" "$extras" >"$stamp"
}

bootstrap() { # extra...
  if nvidia_driver; then set -- "$@" cuda; fi
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
