# bash completion for sluice. The candidates come from the command itself, container names included.

_sluice() {
	local word=${COMP_WORDS[COMP_CWORD]} before=("${COMP_WORDS[@]:1:COMP_CWORD-1}") candidates

	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-s | check | doctor | iptables | nft | lxc-net | upgrade)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	esac
	candidates=$("${COMP_WORDS[0]}" complete "${before[@]}" 2>/dev/null)
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
}
complete -F _sluice sluice
